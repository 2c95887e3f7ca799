/* SPDX-License-Identifier: MIT */
/*
 * two_nodes.h - two nodes on any machine: the kernel's nodes 1 and 2, and every CPU on the second,
 * whose heap is not the one that serves until the constructor has asked. A test calls
 * two_nodes_make_up() from a constructor of its own, which comes before Lane's.
 */
#ifndef LANE_UNIT_TWO_NODES_H
#define LANE_UNIT_TWO_NODES_H

#include "unit.h"

#include <linux/mempolicy.h>

#include "os.h"

static uint64_t two_nodes_allowed(void)
{
	return 1u << 1 | 1u << 2;
}

static int two_nodes_policy(void)
{
	return MPOL_DEFAULT;
}

static int two_nodes_bind(void *addr, size_t len, int node)
{
	(void)addr, (void)len, (void)node;
	return 0;
}

static int two_nodes_available(void)
{
	return 0;
}

static int two_nodes_max_node(void)
{
	return 2;
}

static long long two_nodes_size(int node, long long *rest)
{
	(void)rest;
	return node ? 1LL << 30 : -1;
}

static int two_nodes_of_cpu(int cpu)
{
	(void)cpu;
	return 2;
}

static int two_nodes_distance(int a, int b)
{
	return a == b ? 10 : 20;
}

static void *two_nodes_library(const char *name)
{
	(void)name;
	return (void *)&two_nodes_library;
}

static void *two_nodes_symbol(void *lib, const char *name)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} all[] = {
		{"numa_available", (void (*)(void))two_nodes_available},
		{"numa_max_node", (void (*)(void))two_nodes_max_node},
		{"numa_node_size64", (void (*)(void))two_nodes_size},
		{"numa_node_of_cpu", (void (*)(void))two_nodes_of_cpu},
		{"numa_distance", (void (*)(void))two_nodes_distance},
	};

	(void)lib;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!strcmp(name, all[i].name))
			return (void *)(uintptr_t)all[i].function;
	}
	return NULL;
}

static inline void two_nodes_make_up(void)
{
	os.allowed_nodes = two_nodes_allowed;
	os.policy = two_nodes_policy;
	os.bind = two_nodes_bind;
	os.library = two_nodes_library;
	os.symbol = two_nodes_symbol;
}

#endif
