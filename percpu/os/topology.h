/* SPDX-License-Identifier: MIT */
/*
 * topology.h - which mode, which CPUs, which nodes.
 *
 * At the first malloc, often inside the dynamic loader, only raw files can be
 * read: topology_probe() sizes tables by the *possible* CPUs and the nodes
 * with memory, and one node heap serves all. The constructor then calls topology_ask(),
 * which asks libnuma, and topology_refine(), which makes the other node heaps and hands
 * each lane to its node. libnuma is loaded at run time, and only on machines
 * with several nodes: it costs start-up time, and its constructor mallocs.
 */
#ifndef PERCPU_TOPOLOGY_H
#define PERCPU_TOPOLOGY_H

#include "compiler.h"

struct topology {
	u32 cpus;		 /* possible CPU ids, the largest + 1 */
	u32 nodes;		 /* nodes with memory */
	s32 first_node;		 /* kernel's number of the first of them */
	const char *mode_reason; /* why the mode is what it is */
	const char *binding;	 /* whether memory is bound to nodes, or why not */
};

extern struct topology topology;

/* Raw: possible CPUs and nodes with memory. */
void topology_probe(void);

/* Choose the mode by conf.mode and what there is; sets mode and the offsets in hot. */
void topology_choose_mode(void);

/* After conf is known: which nodes there are. Once, and outside of the slow paths: it allocates. */
void topology_ask(void);

/*
 * Then: other mode, other nodes. Stops all lanes. Takes RANK_TOPOLOGY. Inside a slow path: a
 * handler that allocates must find no lock of this held by its own thread, nor the child of a fork
 * one of another.
 */
void topology_refine(void);

/*
 * Parse a kernel cpulist such as "0-3,8,10-11": the largest number and how
 * many there are. False where it is not one.
 */
bool topology_parse_list(const char *s, u32 *largest, u32 *count);

#endif
