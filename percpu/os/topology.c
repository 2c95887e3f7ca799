// SPDX-License-Identifier: MIT
#include "topology.h"

#include <lane/lane.h>
#include <linux/mempolicy.h>

#include "bug.h"
#include "conf.h"
#include "fence.h"
#include "lanes.h"
#include "node_heap.h"
#include "node_map.h"
#include "os.h"
#include "rseq_abi.h"
#include "rseq_restart.h"
#include "space.h"

struct topology topology = {.mode_reason = "not started", .binding = "one node"};

static struct spinlock topology_lock = SPINLOCK_INIT(RANK_TOPOLOGY);
static int fence_error; /* of the registration */

static bool parse_id(const char **s, u32 *id)
{
	if (**s < '0' || **s > '9')
		return false;
	for (*id = 0; **s >= '0' && **s <= '9'; (*s)++) {
		*id = *id * 10 + (u32)(**s - '0');
		if (*id > UINT16_MAX)
			return false;
	}
	return true;
}

bool topology_parse_list(const char *s, u32 *largest, u32 *count)
{
	*count = 0;
	*largest = 0;
	do {
		u32 first, last;

		if (!parse_id(&s, &first))
			return false;
		last = first;
		if (*s == '-') {
			s++;
			if (!parse_id(&s, &last) || last < first)
				return false;
		}
		*count += last - first + 1;
		*largest = max(*largest, last);
	} while (*s++ == ',');
	return !s[-1] || s[-1] == '\n';
}

void topology_probe(void)
{
	u32 largest, count;
	char buf[4096];
	u64 allowed;
	int got;

	/* A bound where /sys is hidden: no id reaches beyond the kernel's own masks. */
	topology.cpus = min(os.cpu_mask_bits(), (u32)MAX_LANES);
	got = os_read_file("/sys/devices/system/cpu/possible", buf, sizeof(buf));
	/* What fills the buffer may be the beginning of a longer list. */
	if (got > 0 && got < (int)sizeof(buf) - 1 && topology_parse_list(buf, &largest, &count))
		topology.cpus = min(largest + 1, (u32)MAX_LANES);
	/* One system call instead of a file: the nodes with memory that the cpuset allows. */
	allowed = os.allowed_nodes();
	topology.nodes = clamp((u32)__builtin_popcountll(allowed), 1u, (u32)MAX_HOMES);
	topology.first_node = allowed ? __builtin_ctzll(allowed) : 0;
	fence_error = rseq_fence_register();
}

void topology_choose_mode(void)
{
	struct rseq_area a = rseq_area_find();
	const char *refusal;
	bool cid = conf.mode == CONF_MODE_CID || (conf.mode == CONF_MODE_AUTO && nr_homes <= 1);

	if (conf.mode == CONF_MODE_LOCK)
		refusal = "asked for by LANE_CONF";
	else if (!a.usable)
		refusal = a.reason;
	else if (fence_error)
		refusal = "membarrier for rseq is refused (Linux 5.10 has it)";
	else
		refusal = rseq_restart_refusal(a.offset);
	if (refusal) {
		mode = LANE_MODE_LOCK;
		topology.mode_reason = refusal;
		return;
	}
	hot.rseq_offset = a.offset;
	hot.index_offset = a.offset + (cid && a.has_mm_cid ? RSEQ_OFF_MM_CID : RSEQ_OFF_CPU_ID);
	mode = cid && a.has_mm_cid ? LANE_MODE_RSEQ_CID : LANE_MODE_RSEQ_CPU;
	if (conf.mode == CONF_MODE_RSEQ)
		topology.mode_reason = "asked for by LANE_CONF";
	else if (conf.mode == CONF_MODE_CID)
		topology.mode_reason = a.has_mm_cid ? "asked for by LANE_CONF"
						    : "the kernel has no mm_cid (Linux 6.3 has)";
	else if (!cid)
		topology.mode_reason = "several nodes: caches by cpu_id stay on theirs";
	else
		topology.mode_reason = a.has_mm_cid ? "one node heap, and the kernel has mm_cid"
						    : "the kernel has no mm_cid (Linux 6.3 has)";
}

/* Nobody asked for other than local memory: then node heaps may bind theirs. */
static bool default_policy(void)
{
	int policy = os.policy();

	return policy == MPOL_DEFAULT || policy == MPOL_LOCAL;
}

static void bind_homes(void)
{
	topology.binding = "nodes";
	for (u32 h = 0; h < nr_homes; h++) {
		void *range = (void *)(space.base + ((u64)h << HOME_SHIFT));

		if (os.bind(range, HOME_SIZE, node_heaps[h]->node))
			topology.binding = "partly: mbind was refused";
		else
			node_heaps[h]->bound = true;
	}
}

/* All lanes are stopped: give each the home that @map says, or the first where that was not made.
 */
static void rehome(const struct node_map *map)
{
	for (u32 i = 0; i < nr_lanes; i++) {
		lane_drain(&lanes[i]);
		WRITE_ONCE(lanes[i].home, map->cpu_home[i] < nr_homes ? map->cpu_home[i] : 0);
	}
}

static void make_homes(const struct node_map *map)
{
	u32 made = 1;

	node_heaps[0]->node = map->home_node[0];
	while (made < map->homes && !node_heap_init(made, map->home_node[made]))
		made++;
	if (made < map->homes)
		pr_err("no memory for the heaps of all nodes: %u of %u", made, map->homes);
	smp_wmb(); /* whoever sees a home, its range or how many there are finds its heap */
	smp_store_release(&nr_homes, made);			  /* pairs with homes_made() */
	smp_store_release(&space.limit, (u64)made << HOME_SHIFT); /* pairs with lane_started() */
}

static struct node_map map; /* large, and needed once; from topology_ask() to topology_refine() */
static bool several;	    /* likewise: there are nodes to have heaps */

void topology_ask(void)
{
	if (conf.numa == CONF_NUMA_OFF)
		topology.binding = "none: asked for by LANE_CONF";
	else if (topology.nodes > 1 && space.nr_homes == 1)
		topology.binding = "none: too little address space for a range for each node";
	else if (topology.nodes > 1 && !default_policy())
		topology.binding = "none: the process has a memory policy of its own";
	else if (topology.nodes > 1 && !node_map_read(&map, nr_lanes, space.nr_homes))
		topology.binding = "none: libnuma.so.1 is missing or knows one node only";
	else
		several = topology.nodes > 1;
}

void topology_refine(void)
{
	spin_lock(&topology_lock);
	/* Every lane, up or not, in one go: nobody may see two modes or homes at once. */
	for (u32 i = 0; i < nr_lanes; i++)
		spin_lock(&lanes[i].lock);
	for (u32 i = 0; i < nr_lanes; i++) {
		if (lanes[i].state == LANE_UP)
			WRITE_ONCE(lanes[i].state, LANE_STOPPED);
		lane_hide(&lanes[i]);
	}
	if (mode != LANE_MODE_LOCK && !rseq_fence()) {
		/* As it was: one node heap, the mode of the start. */
		if (several)
			topology.binding = "none: membarrier is refused";
		goto out;
	}
	if (several) {
		make_homes(&map);
		bind_homes();
		rehome(&map);
	}
	topology_choose_mode();
	/* A section may have loaded its index by the old mode: let it end before any cache is
	 * shown. */
	if (mode != LANE_MODE_LOCK)
		rseq_fence();
	lanes_open_fast_path();
out:
	for (u32 i = nr_lanes; i-- > 0;) {
		if (lanes[i].state == LANE_STOPPED) {
			WRITE_ONCE(lanes[i].state, LANE_UP);
			lane_publish(&lanes[i]);
		}
		spin_unlock(&lanes[i].lock);
	}
	spin_unlock(&topology_lock);
}
