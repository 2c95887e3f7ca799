// SPDX-License-Identifier: MIT
/*
 * gctrace.c - LANE_CONF=gctrace:1, a line for each cycle:
 *
 *	lane: gc 7 @1.234s: 12.3 ms mark, 2.1 ms sweep, 40->43->21 MB, goal 44 MB, 2 stacks,
 *	worker 9.8 ms, assist 1.2 ms, limited 0.0 ms, 18 MB scanned
 *
 * The three sizes are the heap at the beginning of marking, at its end, and what of it
 * was marked.
 */
#include "conf.h"
#include "cycle.h"
#include "heap.h"

/* A tenth of a millisecond is the unit; printed with a point. */
#define TENTHS(ns) (unsigned long)((ns) / 1000000), (unsigned long)((ns) / 100000 % 10)
#define MB(bytes) (unsigned long)((bytes) >> 20)

void gctrace(void)
{
	const struct cycle_record *c = &cycle;
	u64 at = c->began_ns - heap.started_ns;

	if (!READ_ONCE(conf.gctrace))
		return;
	pr_err("gc %lu @%lu.%03lus%s: %lu.%lu ms mark, %lu.%lu ms sweep, %lu->%lu->%lu MB, goal "
	       "%lu MB, %lu stacks, worker %lu.%lu ms, assist %lu.%lu ms, limited %lu.%lu ms, "
	       "%lu MB scanned",
	       (unsigned long)c->cycles, (unsigned long)(at / 1000000000),
	       (unsigned long)(at / 1000000 % 1000), c->was_forced ? " forced" : "",
	       TENTHS(c->mark_ns), TENTHS(c->sweep_ns), MB(c->heap_begin), MB(c->heap_end),
	       MB(c->heap_marked), MB(c->goal), (unsigned long)c->copies, TENTHS(c->worker_ns),
	       TENTHS(c->assist_ns), TENTHS(c->limited_ns), MB(c->work));
}
