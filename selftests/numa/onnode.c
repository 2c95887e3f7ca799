// SPDX-License-Identifier: MIT
// lane_malloc_onnode() places objects on the node named, whichever CPU asks.
#include "numa.h"

static struct numa_map map;
static const size_t sizes[] = {16, 700, 9000, KIB(64), KIB(600), MIB(3)};

#define COUNT 12

static int wrong_for(int node)
{
	void *objects[COUNT];
	int wrong = 0;

	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		int count = sizes[k] > MIB(1) ? 2 : COUNT;

		for (int i = 0; i < count; i++) {
			objects[i] = opaque(lane_malloc_onnode(opaque_size(sizes[k]), node));
			if (!objects[i]) {
				ksft_print_msg("%zu bytes on node %d: %s", sizes[k], node,
					       strerror(errno));
				wrong++;
				continue;
			}
			if (lane_node_of(objects[i]) != node) {
				if (numa_may_say())
					ksft_print_msg("lane_node_of is %d, asked for %d",
						       lane_node_of(objects[i]), node);
				wrong++;
			}
			wrong += !numa_lies_on(objects[i], sizes[k], node);
			if (malloc_usable_size(objects[i]) < sizes[k])
				wrong++;
		}
		for (int i = 0; i < count; i++)
			put(objects[i]);
	}
	return wrong;
}

static bool refused(int node)
{
	void *p;

	errno = 0;
	p = opaque(lane_malloc_onnode(100, node));
	if (p || errno != EINVAL)
		ksft_print_msg("node %d: %p, %s", node, p, strerror(errno));
	return !p && errno == EINVAL;
}

/* What was placed on @far must not stay behind in a cache of @here. */
static bool never_handed_out_here(const struct numa_node *here, int far)
{
	static void *mine[400];
	bool good = true;

	numa_pin(here->cpus[0]);
	for (int i = 0; i < 200; i++)
		mine[i] = opaque(lane_malloc_onnode(320, far));
	for (int i = 0; i < 200; i++)
		put(mine[i]);
	for (int i = 0; i < 400; i++) {
		mine[i] = get(320);
		good &= lane_node_of(mine[i]) == here->id;
	}
	for (int i = 0; i < 400; i++)
		put(mine[i]);
	return good;
}

int main(void)
{
	int tests = 0;

	ksft_print_header();
	numa_need(&map, 2);
	for (int i = 0; i < map.nr_nodes; i++)
		tests += 1;
	ksft_set_plan(tests + 3);
	for (int i = 0; i < map.nr_nodes; i++) {
		int node = map.nodes[i].id, wrong = 0;

		if (!map.nodes[i].memory) {
			ksft_test_result(refused(node), "node %d has no memory: EINVAL", node);
			continue;
		}
		for (int k = 0; k < map.nr_both; k++) {
			numa_pin(map.both[k]->cpus[0]);
			wrong += wrong_for(node);
		}
		ksft_test_result(wrong == 0, "node %d: objects lie there, asked for from %d nodes",
				 node, map.nr_both);
	}
	ksft_test_result(refused(-1) && refused(INT_MIN), "a negative node: EINVAL");
	ksft_test_result(refused(1000) && refused(INT_MAX), "a node beyond all: EINVAL");
	ksft_test_result(never_handed_out_here(map.both[0], map.both[1]->id),
			 "objects placed on another node and freed here go there, not to malloc");
	ksft_finished();
}
