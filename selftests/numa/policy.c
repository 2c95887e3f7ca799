// SPDX-License-Identifier: MIT
// A memory policy that the process was started with decides where its pages lie.
//
// Without one (the plain run) the program starts itself under each policy; under numactl it
// checks the one that it finds.
#include "numa.h"

/* Interleaving goes by huge pages, so it takes many to see. */
#define BYTES MIB(16)
#define BYTES_INTERLEAVED MIB(64)

static struct numa_map map;

struct heap_use {
	unsigned int count[NUMA_NODES];
	unsigned int pages;
};

/* Objects of three sizes, from a CPU of each node in turn. They stay: no page counts twice. */
static bool use_heap(struct heap_use *u, size_t bytes)
{
	static const size_t sizes[] = {1000, 30000, MIB(2)};
	void **objects = numa_room(bytes / 1000 * sizeof(void *));

	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		int n = (int)(bytes / ARRAY_SIZE(sizes) / sizes[k]);
		bool small = sizes[k] < NUMA_PAGE;

		for (int i = 0; i < n; i++) {
			int at = i * map.nr_nodes / n;

			if (map.nodes[at].nr_cpus)
				numa_pin(map.nodes[at].cpus[0]);
			objects[i] = get(sizes[k]);
			if (!objects[i])
				return false;
			numa_touch(objects[i], sizes[k]);
		}
		for (int i = 0; i < n; i++) {
			/* Of the objects that share a page, the first counts it. */
			if (small && (uintptr_t)objects[i] % NUMA_PAGE >= sizes[k])
				continue;
			if (!numa_count_pages(objects[i], small ? 1 : sizes[k], u->count))
				return false;
		}
	}
	for (int i = 0; i < NUMA_NODES; i++)
		u->pages += u->count[i];
	return true;
}

static bool respects(int mode, uint64_t nodes, const struct heap_use *u)
{
	int in_set = __builtin_popcountll(nodes);
	bool good = true;

	for (int i = 0; i < map.nr_nodes; i++) {
		int id = map.nodes[i].id;
		bool member = nodes >> id & 1;

		ksft_print_msg("node %d%s: %u of %u pages", id, member ? " (in the policy)" : "",
			       u->count[id], u->pages);
		if (!member)
			good &= u->count[id] == 0;
		else if (mode == MPOL_INTERLEAVE)
			good &= u->count[id] > u->pages / in_set / 3;
	}
	return good;
}

static const char *mode_name(int mode)
{
	switch (mode) {
	case MPOL_PREFERRED:
		return "preferred";
	case MPOL_BIND:
		return "bind";
	case MPOL_INTERLEAVE:
		return "interleave";
	case MPOL_LOCAL:
		return "local";
	case 5: /* MPOL_PREFERRED_MANY */
		return "preferred-many";
	default:
		return "default";
	}
}

/* Checks the policy that this process was started with. */
static bool check_inherited(void)
{
	struct heap_use use = {0};
	uint64_t nodes = 0;
	int mode = numa_policy(&nodes);

	return use_heap(&use, mode == MPOL_INTERLEAVE ? BYTES_INTERLEAVED : BYTES) &&
	       respects(mode, nodes, &use);
}

static bool run_under(int mode, uint64_t nodes)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (pid == 0) {
		if (syscall(SYS_set_mempolicy, mode, &nodes, 64) != 0)
			_exit(100);
		execl("/proc/self/exe", "policy", "child", NULL);
		_exit(101);
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		ksft_print_msg("child ended with status 0x%x", status);
	return status == 0;
}

int main(int argc, char **argv)
{
	uint64_t first, second, all = 0, nodes = 0;
	int mode = numa_policy(&nodes);

	numa_read_map(&map);
	if (argc > 1 && strcmp(argv[1], "child") == 0)
		return !check_inherited();

	ksft_print_header();
	if (mode != MPOL_DEFAULT && mode != MPOL_LOCAL) {
		ksft_set_plan(1);
		ksft_test_result(check_inherited(),
				 "pages lie where policy %s of nodes 0x%llx says", mode_name(mode),
				 (unsigned long long)nodes);
		ksft_finished();
	}
	numa_need(&map, 2);
	first = 1ULL << map.both[0]->id;
	second = 1ULL << map.both[1]->id;
	for (int i = 0; i < map.nr_both; i++)
		all |= 1ULL << map.both[i]->id;
	ksft_set_plan(5);
	ksft_test_result(run_under(MPOL_BIND, second), "bind to one node: all pages are there");
	ksft_test_result(run_under(MPOL_BIND, first | second),
			 "bind to two nodes: all pages are there");
	ksft_test_result(run_under(MPOL_PREFERRED, second), "preferred node: all pages are there");
	ksft_test_result(run_under(MPOL_INTERLEAVE, all), "interleave: pages are spread");
	ksft_test_result(run_under(MPOL_INTERLEAVE, first | second),
			 "interleave over two nodes: pages are spread there and only there");
	ksft_finished();
}
