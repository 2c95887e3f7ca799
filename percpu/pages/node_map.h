/* SPDX-License-Identifier: MIT */
/*
 * node_map.h - what libnuma knows: which nodes have memory that this process
 * may use, and which of them is nearest to each CPU.
 */
#ifndef PERCPU_NODE_MAP_H
#define PERCPU_NODE_MAP_H

#include "compiler.h"
#include "hot.h"
#include "layout.h"

struct node_map {
	u32 homes;		  /* nodes used */
	s32 home_node[MAX_HOMES]; /* kernel's number of each */
	u8 cpu_home[MAX_LANES];	  /* by CPU: its home */
};

/*
 * For CPUs 0..@cpus-1 and at most @max_homes nodes. False where there is no
 * libnuma or only one usable node. Loads a library: not from within malloc.
 */
bool node_map_read(struct node_map *map, u32 cpus, u32 max_homes);

#endif
