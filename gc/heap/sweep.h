/* SPDX-License-Identifier: MIT */
/*
 * sweep.h - sweeping beside the allocation that does it anyway (gc_span.h): by the
 * coordinator in the background, and by allocators in proportion to what they take, so
 * that it has ended when the next marking begins.
 *
 * Spans that are found empty go back to the page heap, and from there to the system.
 */
#ifndef GC_SWEEP_H
#define GC_SWEEP_H

#include "gc.h"

/* Sweep @pages, or all that is left, or for half a millisecond. Inside a slow path. */
void sweep_pages(u64 pages);

/*
 * Sweep all that is left; with rests as long as hurry() says that nobody waits, NULL: without.
 * Coordinator. Returns bytes freed.
 */
u64 sweep_all(bool (*hurry)(void));

/* Have all classes hand out marked objects; end that, and give all spans to the sweep. */
void sweep_blacken(void);
void sweep_turn(void);

/* Marking is given up: end the first, with no sweep. */
void sweep_forget(void);

#endif
