// SPDX-License-Identifier: MIT
// When a node's memory is used up, its CPUs get other nodes' pages: not NULL, and nobody is killed.
#include "numa.h"

#define OBJECT MIB(4)
#define MOST MIB(1536) /* a larger node takes too long to fill */
#define BEYOND MIB(64)

static struct numa_map map;
static size_t node_bytes;

/* MemTotal or MemFree of a node, bytes. */
static size_t node_memory(int node, const char *key)
{
	char path[80], text[8192];
	const char *at;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
	if (!numa_read_text(path, text, sizeof(text)))
		return 0;
	at = strstr(text, key);
	return at ? strtoull(at + strlen(key) + 1, NULL, 10) * 1024 : 0;
}

/* Exit status: 0, 1 = NULL, 2 = nothing lies on the node, 3 = it was not filled. */
static int fill(void *arg)
{
	const struct numa_node *node = arg;
	size_t objects = (node_bytes + BEYOND) / OBJECT, here = 0, elsewhere = 0;

	numa_pin(node->cpus[0]);
	for (size_t i = 0; i < objects; i++) {
		unsigned int count[NUMA_NODES] = {0};
		char *p = get(OBJECT);

		if (!p)
			return 1;
		numa_touch(p, OBJECT);
		if (!numa_count_pages(p, OBJECT, count))
			return 3;
		for (int n = 0; n < NUMA_NODES; n++)
			*(n == node->id ? &here : &elsewhere) += count[n];
	}
	ksft_print_msg("node %d of %zu MiB: %zu MiB there, %zu MiB elsewhere", node->id,
		       node_bytes >> 20, here >> 8, elsewhere >> 8);
	if (here * NUMA_PAGE < node_bytes / 2)
		return 2;
	return elsewhere ? 0 : 3;
}

int main(void)
{
	const struct numa_node *node;
	size_t others = 0;
	int status;

	ksft_print_header();
	numa_need(&map, 2);
	node = map.both[map.nr_both - 1];
	node_bytes = node_memory(node->id, "MemTotal:");
	for (int i = 0; i < map.nr_both - 1; i++)
		others += node_memory(map.both[i]->id, "MemFree:");
	if (node_bytes == 0 || node_bytes > MOST)
		ksft_exit_skip("node %d has %zu MiB, too much to fill", node->id, node_bytes >> 20);
	if (others < node_bytes / 2 + 2 * BEYOND)
		ksft_exit_skip("too little free memory on the other nodes");
	ksft_set_plan(2);
	status = in_child(fill, (void *)node, 60);
	ksft_test_result(status != 1 && status != -1,
			 "more than a node's memory: no malloc fails, the process lives");
	ksft_test_result(status == 0, "the node is filled first, then others help (status %d)",
			 status);
	ksft_finished();
}
