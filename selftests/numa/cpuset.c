// SPDX-License-Identifier: MIT
// A cpuset decides which nodes' memory is used, from the start and when it changes later.
#include <sys/mount.h>
#include <sys/stat.h>

#include "numa.h"

#define GROUPS "/sys/fs/cgroup"
#define GROUP GROUPS "/lane-selftest"

static struct numa_map map;

/* Pages of fresh objects, allocated on a CPU of every node, lie within @nodes. */
static bool within(uint64_t nodes)
{
	static const size_t sizes[] = {200, 24000, MIB(2)};
	static void *objects[3][40 * NUMA_NODES];
	unsigned int count[NUMA_NODES] = {0};
	bool good = true;
	int n = 0;

	for (int i = 0; i < map.nr_nodes; i++) {
		if (map.nodes[i].nr_cpus == 0)
			continue;
		numa_pin(map.nodes[i].cpus[0]);
		for (int k = 0; k < 20; k++, n++)
			for (int s = 0; s < 3; s++) {
				size_t size = sizes[s];

				if (s == 2 && k % 10)
					continue;
				objects[s][n] = get(size);
				if (!objects[s][n])
					return false;
				numa_touch(objects[s][n], size);
				good &= numa_count_pages(objects[s][n], size, count);
				good &= lane_node_of(objects[s][n]) >= 0;
			}
	}
	for (int s = 0; s < 3; s++)
		for (int i = 0; i < n; i++) {
			put(objects[s][i]);
			objects[s][i] = NULL;
		}
	for (int i = 0; i < NUMA_NODES; i++)
		if (count[i] && !(nodes >> i & 1)) {
			ksft_print_msg("%u pages on node %d, which is not allowed", count[i], i);
			good = false;
		}
	return good;
}

static bool set_mems(uint64_t nodes)
{
	char text[256] = "";

	for (int i = 0; i < 64; i++)
		if (nodes >> i & 1)
			snprintf(text + strlen(text), 8, "%s%d", *text ? "," : "", i);
	if (numa_write_text(GROUP "/cpuset.mems", text))
		return true;
	ksft_print_msg("cpuset.mems = %s: %s", text, strerror(errno));
	return false;
}

static bool enter(const char *group)
{
	char path[120], text[20];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(text, sizeof(text), "%d", getpid());
	return numa_write_text(path, text);
}

/* A program that starts inside the cpuset. */
static bool started_within(uint64_t nodes)
{
	char mask[32];
	int status = 0;
	pid_t pid;

	if (!set_mems(nodes))
		return false;
	snprintf(mask, sizeof(mask), "%llu", (unsigned long long)nodes);
	pid = fork();
	if (pid == 0) {
		if (!enter(GROUP))
			_exit(100);
		execl("/proc/self/exe", "cpuset", "child", mask, NULL);
		_exit(101);
	}
	waitpid(pid, &status, 0);
	if (status != 0)
		ksft_print_msg("child ended with status 0x%x", status);
	return status == 0;
}

/* This process moves in, and its nodes change while it has memory everywhere. */
static bool narrowed(uint64_t all, uint64_t nodes)
{
	bool good;

	if (!within(all) || !set_mems(all) || !enter(GROUP) || !within(all) || !set_mems(nodes))
		return false;
	/* What was free before lies where it lay; fresh pages are asked for after this. */
	lane_release(SIZE_MAX);
	good = within(nodes);
	return good && set_mems(all) && within(all);
}

int main(int argc, char **argv)
{
	uint64_t first, second, all = 0;

	numa_read_map(&map);
	if (argc > 2 && strcmp(argv[1], "child") == 0)
		return !within(strtoull(argv[2], NULL, 10));

	ksft_print_header();
	numa_need(&map, 2);
	if (!getenv("LANE_VM"))
		ksft_exit_skip("makes a cgroup: only in a guest (scripts/vm), or with LANE_VM=1");
	numa_write_text(GROUPS "/cgroup.subtree_control", "+cpuset");
	mkdir(GROUP, 0755);
	if (access(GROUP "/cpuset.mems", W_OK) != 0)
		ksft_exit_skip("no writable cpuset in " GROUP);
	for (int i = 0; i < map.nr_both; i++)
		all |= 1ULL << map.both[i]->id;
	first = 1ULL << map.both[0]->id;
	second = 1ULL << map.both[1]->id;

	ksft_set_plan(3);
	ksft_test_result(started_within(second),
			 "started with one allowed node: all pages are there");
	ksft_test_result(started_within(first | second),
			 "started with two allowed nodes: all pages are there");
	ksft_test_result(narrowed(all, second),
			 "narrowed while running: fresh pages follow, and widened again");
	enter(GROUPS);
	rmdir(GROUP);
	ksft_finished();
}
