// SPDX-License-Identifier: MIT
#include "sweep.h"

#include "gc_inject.h"
#include "gc_span.h"
#include "heap.h"
#include "os.h"
#include "release.h"
#include "slow_path.h"

#define BATCH 64u /* spans between two chances for others to fork */

static u32 cursor; /* the class that is swept at present; racy hint */

/* Sweep one span of any class; false where none is left. */
static bool sweep_any(u64 *freed)
{
	u32 start = READ_ONCE(cursor), i = start, home, kind, cls;

	do {
		if (!gc_class_at(i, &home, &kind, &cls)) {
			i = 0;
			continue;
		}
		if (gc_sweep_one(home, kind, cls, freed)) {
			WRITE_ONCE(cursor, i);
			return true;
		}
		i++;
	} while (i != start);
	return false;
}

void sweep_pages(u64 pages)
{
	u64 end = READ_ONCE(heap.swept) + pages, freed = 0;

	while (READ_ONCE(heap.swept) < end && gc_unswept_bytes() && sweep_any(&freed))
		;
}

u64 sweep_all(void)
{
	u64 freed = 0, began = os.now_ns();

	while (gc_unswept_bytes()) {
		bool any = true;

		while (!slow_enter())
			;
		for (u32 i = 0; any && i < BATCH; i++)
			any = sweep_any(&freed);
		slow_exit();
		if (!any) /* somebody else sweeps the last ones just now */
			sched_yield();
		/* What others have put back moves the line. */
		heap_pace_sweep();
	}
	heap.sweep_ns += os.now_ns() - began;
	return freed;
}

static void each_class(void (*fn)(struct gc_class *c))
{
	struct gc_class *c;
	u32 home, kind, cls;

	while (!slow_enter())
		;
	for (u32 i = 0; (c = gc_class_at(i, &home, &kind, &cls)) != NULL; i++) {
		fn(c);
		GC_INJECT(AT_TURN);
	}
	slow_exit();
}

void sweep_blacken(void)
{
	each_class(gc_class_blacken);
}

void sweep_forget(void)
{
	each_class(gc_class_forget);
}

void sweep_turn(void)
{
	each_class(gc_class_turn);
}
