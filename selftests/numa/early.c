// SPDX-License-Identifier: MIT
// A process that starts on one node and moves to another gets that one's memory there, although
// its first objects were made before the nodes were known.
#include "numa.h"

static struct numa_map map;

/* Runs in the new program: allocates on @cpu, whose node is @node. */
static int moved_to(int cpu, int node)
{
	static const size_t sizes[] = {24, 100, 500, 4000, 20000, KIB(128)};
	int wrong = 0;

	numa_pin(cpu);
	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++)
		for (size_t i = 0; i < 100 + KIB(64) / sizes[k]; i++) {
			void *p = get(sizes[k]);

			if (!p || lane_node_of(p) != node || !numa_lies_on(p, sizes[k], node))
				wrong++;
		}
	return wrong != 0;
}

static bool start_on(int cpu, const struct numa_node *then)
{
	char cpu_text[16], node_text[16];
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (pid == 0) {
		snprintf(cpu_text, sizeof(cpu_text), "%d", then->cpus[0]);
		snprintf(node_text, sizeof(node_text), "%d", then->id);
		numa_pin(cpu);
		execl("/proc/self/exe", "early", cpu_text, node_text, NULL);
		_exit(100);
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		ksft_print_msg("child ended with status 0x%x", status);
	return status == 0;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return moved_to(atoi(argv[1]), atoi(argv[2]));

	ksft_print_header();
	numa_need(&map, 2);
	ksft_set_plan(map.nr_both);
	for (int i = 0; i < map.nr_both; i++) {
		const struct numa_node *from = map.both[i];
		const struct numa_node *to = map.both[(i + 1) % map.nr_both];

		ksft_test_result(start_on(from->cpus[0], to),
				 "started on node %d, moved to node %d: memory lies there",
				 from->id, to->id);
	}
	ksft_finished();
}
