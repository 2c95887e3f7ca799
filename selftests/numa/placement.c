// SPDX-License-Identifier: MIT
// What the CPUs of a node allocate lies on that node: every page, as the kernel tells it.
#include "numa.h"

static struct numa_map map;

struct shape {
	const char *name;
	size_t size;
	int count; /* objects for each CPU */
	void *(*get)(size_t size);
};

static void *get_calloc(size_t size)
{
	return opaque(calloc(1, opaque_size(size)));
}

static void *get_grown(size_t size)
{
	return opaque(realloc(get(size / 5), opaque_size(size)));
}

static void *get_aligned(size_t size)
{
	return opaque(aligned_alloc(8192, opaque_size(size)));
}

static const struct shape shapes[] = {
	{"small objects", 48, 600, get},
	{"objects of 1000 bytes", 1000, 200, get},
	{"objects of 12000 bytes", 12000, 40, get},
	{"medium objects", KIB(100), 12, get},
	{"large objects", MIB(3), 2, get},
	{"zeroed objects", 3000, 60, get_calloc},
	{"grown objects", KIB(40), 12, get_grown},
	{"aligned objects", KIB(16), 12, get_aligned},
};

#define MAX_OBJECTS 600

/* A node without memory gives no answer in advance: any node that has memory will do. */
static bool right_node(const struct numa_node *node, void *p, size_t size)
{
	int home = lane_node_of(p);
	const struct numa_node *n = numa_find(&map, home);

	if (node->memory && home != node->id) {
		if (numa_may_say())
			ksft_print_msg("lane_node_of(%p) is %d, its CPU's node is %d", p, home,
				       node->id);
		return false;
	}
	if (!n || !n->memory) {
		ksft_print_msg("lane_node_of(%p) is %d, which has no memory", p, home);
		return false;
	}
	return numa_lies_on(p, size, home);
}

static int wrong_on_cpu(const struct numa_node *node, int cpu, const struct shape *s)
{
	static void *objects[MAX_OBJECTS];
	int wrong = 0;

	numa_pin(cpu);
	memset(objects, 0, sizeof(objects));
	for (int i = 0; i < s->count; i++) {
		objects[i] = s->get(s->size);
		wrong += !objects[i] || !right_node(node, objects[i], s->size);
		if (wrong >= 3)
			break;
	}
	for (int i = 0; i < s->count; i++)
		put(objects[i]);
	return wrong;
}

int main(void)
{
	ksft_print_header();
	numa_need(&map, 2);

	int nodes = 0;

	for (int i = 0; i < map.nr_nodes; i++)
		nodes += map.nodes[i].nr_cpus > 0;
	ksft_set_plan(nodes * ARRAY_SIZE(shapes));
	for (int i = 0; i < map.nr_nodes; i++) {
		struct numa_node *node = &map.nodes[i];

		if (node->nr_cpus == 0)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(shapes); k++) {
			int wrong = 0;

			for (int c = 0; c < node->nr_cpus && !wrong; c++)
				wrong += wrong_on_cpu(node, node->cpus[c], &shapes[k]);
			ksft_test_result(wrong == 0,
					 "node %d%s: %s lie there, from each of %d CPUs", node->id,
					 node->memory ? "" : " (no memory)", shapes[k].name,
					 node->nr_cpus);
		}
	}
	ksft_finished();
}
