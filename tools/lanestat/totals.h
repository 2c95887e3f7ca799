/* SPDX-License-Identifier: MIT */
/*
 * totals.h - what the head of a screen says: sums over the files of processes.
 * What is added up here comes from one snapshot of each process.
 */
#ifndef LANESTAT_TOTALS_H
#define LANESTAT_TOTALS_H

#include <stdint.h>

#include "text.h"

#define TOTALS_NODES 64 /* bars; nodes beyond are in the sums only */

/* Bytes of one node, or of all. cached: CPU and transfer caches; free: the rest that is not
 * released. */
struct composition {
	int node;
	int64_t in_use, cached, free, released, metadata, mapped;
};

/* Since the process began. */
struct operations {
	int64_t mallocs, frees;	  /* objects */
	int64_t refills, flushes; /* batches */
	int64_t remote_frees;	  /* objects */
};

/* A second; NaN: unknown. */
struct operation_rates {
	double mallocs, frees, refills, flushes, remote_frees;
};

/* Of a row of nodeinfo. */
struct composition totals_row(const struct text *nodeinfo, int row);

/* Adds all rows of @nodeinfo to @sum, and those of real nodes to @nodes by their number. */
void totals_add(struct composition *sum, struct composition *nodes, int *nr_nodes,
		const struct text *nodeinfo);

struct operations totals_operations(const struct text *classinfo, const struct text *cpuinfo);

/* @seconds lie between the two. */
struct operation_rates totals_rates(const struct operations *before, const struct operations *now,
				    double seconds);
void totals_add_rates(struct operation_rates *sum, const struct operation_rates *r);

#endif /* LANESTAT_TOTALS_H */
