// SPDX-License-Identifier: MIT
#include "node_map.h"

#include <numa.h>

#include "bug.h"
#include "conf.h"
#include "os.h"

/* The functions of libnuma that are used, by its own prototypes. */
struct libnuma {
	__typeof__(numa_available) *available;
	__typeof__(numa_max_node) *max_node;
	__typeof__(numa_node_size64) *node_size;
	__typeof__(numa_node_of_cpu) *node_of_cpu;
	__typeof__(numa_distance) *distance;
};

static bool load(struct libnuma *n)
{
	void *lib = os.library("libnuma.so.1");

	if (!lib) {
		if (conf.verbose)
			pr_err("libnuma.so.1 is not installed: one heap for all nodes");
		return false;
	}
	n->available = (__typeof__(n->available))os.symbol(lib, "numa_available");
	n->max_node = (__typeof__(n->max_node))os.symbol(lib, "numa_max_node");
	n->node_size = (__typeof__(n->node_size))os.symbol(lib, "numa_node_size64");
	n->node_of_cpu = (__typeof__(n->node_of_cpu))os.symbol(lib, "numa_node_of_cpu");
	n->distance = (__typeof__(n->distance))os.symbol(lib, "numa_distance");
	return n->available && n->max_node && n->node_size && n->node_of_cpu && n->distance &&
	       n->available() >= 0;
}

/* Nodes that have memory and that the cpuset allows. */
static void find_homes(const struct libnuma *n, struct node_map *map, u32 max_homes)
{
	u64 allowed = os.allowed_nodes();

	map->homes = 0;
	for (int node = 0; node <= n->max_node() && map->homes < max_homes; node++) {
		if (n->node_size(node, NULL) <= 0)
			continue;
		if (allowed && node < 64 && !(allowed >> node & 1))
			continue;
		map->home_node[map->homes++] = node;
	}
}

/* The home nearest to @node, which may have none itself. */
static u8 nearest_home(const struct libnuma *n, const struct node_map *map, int node)
{
	u32 best = 0;
	int best_distance = INT32_MAX;

	for (u32 h = 0; h < map->homes; h++) {
		int d = n->distance(node, map->home_node[h]);

		if (map->home_node[h] == node)
			return (u8)h;
		if (d && d < best_distance) {
			best = h;
			best_distance = d;
		}
	}
	return (u8)best;
}

bool node_map_read(struct node_map *map, u32 cpus, u32 max_homes)
{
	struct libnuma n;

	if (!load(&n))
		return false;
	find_homes(&n, map, max_homes);
	if (map->homes < 2)
		return false;
	for (u32 cpu = 0; cpu < cpus; cpu++) {
		int node = n.node_of_cpu((int)cpu);

		map->cpu_home[cpu] = node < 0 ? 0 : nearest_home(&n, map, node);
	}
	return true;
}
