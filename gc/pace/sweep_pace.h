/* SPDX-License-Identifier: MIT */
/*
 * sweep_pace.h - sweeping in proportion to allocation. Pure arithmetic.
 *
 * Pages to sweep against heap is a line, too: from here to all pages at a heap
 * somewhat below the next trigger, so that sweeping has ended when marking starts.
 * Before it takes a span, a thread sweeps what the line requires at the heap that
 * the span will make (sweep_owed()). When the trigger moves, or when explicit frees
 * move the heap, the line is drawn anew from here: nothing is asked for at once, but where the
 * trigger is passed already (sweep_pages() has a bound for that).
 *
 * Written by the coordinating thread under the pacer's lock. Allocators read the
 * fields without it: a mixture of two lines asks for too much or too little once;
 * the next to take a span makes up for it, as the debt is of the process.
 */
#ifndef GC_SWEEP_PACE_H
#define GC_SWEEP_PACE_H

#include "fixed.h"

#define SWEEP_SLACK (1ULL << 20) /* bytes before the trigger where sweeping should have ended */

struct sweep_pace {
	u64 pages_per_byte; /* 32.32 */
	u64 heap;	    /* where the line begins, bytes */
	u64 swept;	    /* pages swept there */
};

/**
 * sweep_pace_to - a line from here to the trigger
 * @heap_live: bytes now
 * @swept: pages swept in this cycle so far, 0 at its begin
 * @pages: pages to sweep in this cycle
 * @trigger: bytes
 */
static inline void sweep_pace_to(struct sweep_pace *s, u64 heap_live, u64 swept, u64 pages,
				 u64 trigger)
{
	u64 room = sub_floor(trigger, heap_live);

	/* Where the slack is most of the room, half of the room will do. */
	room -= min(SWEEP_SLACK, room / 2);
	/* Rounded up, so that no page is left over. */
	WRITE_ONCE(s->pages_per_byte,
		   pages > swept ? fixed_ratio(pages - swept, max(room, 1ULL)) + 1 : 0);
	WRITE_ONCE(s->heap, heap_live);
	WRITE_ONCE(s->swept, swept);
}

/* Pages to sweep before @bytes more are taken; the caller stops where none are left. */
static inline u64 sweep_owed(const struct sweep_pace *s, u64 heap_live, u64 bytes, u64 swept)
{
	u64 beyond = sub_floor(heap_live + bytes, READ_ONCE(s->heap));
	u64 target = READ_ONCE(s->swept) + fixed_mul_up(beyond, READ_ONCE(s->pages_per_byte));

	return sub_floor(target, swept);
}

#endif
