/* SPDX-License-Identifier: MIT */
/*
 * cycle.h - the coordinator: one thread that begins and ends cycles.
 */
#ifndef GC_CYCLE_H
#define GC_CYCLE_H

#include "gc.h"

/* What the last cycle was like; coordinator, read racily by statistics and gctrace. */
struct cycle_record {
	u64 cycles; /* completed */
	u64 forced; /* of those, asked for by lane_gc_collect() */
	u64 began_ns;
	u64 mark_ns; /* from the trigger to mark termination */
	u64 sweep_ns;
	u64 heap_begin, heap_end, heap_marked, goal; /* bytes */
	u64 work;				     /* bytes */
	u64 worker_ns, assist_ns, limited_ns;
	u64 copies; /* of stacks */
	bool was_forced;
};
extern struct cycle_record cycle;

/* 0 or -errno. */
int cycle_start_thread(void);

/* The heap has reached its trigger. From any slow path. */
void cycle_wake(void);

/*
 * The heap is at its goal already, and marking has not begun: what was swept late, or a
 * coordinator that does not get a CPU. Wait until it begins, but not for long. Not inside a slow
 * path.
 */
void cycle_await_begin(void);

/* Wait for the end of a whole cycle that begins after this call; 0, or -EPERM: none can begin. */
int cycle_collect(void);
/* The same, or -EAGAIN where a thread cannot be asked for its stack now, so that none may end. */
int cycle_try_collect(void);

/* A worker has found nothing to mark: if nobody else marks, that may be the end. */
void cycle_is_dry(void);

/* One line per cycle, with LANE_CONF=gctrace:1. */
void gctrace(void);

/* In the child of a fork: no cycle runs, and the threads are to be started again. */
void cycle_after_fork(void);
/* They cannot be: the only thread does not wait for a cycle. */
void cycle_cannot(void);

#endif
