// SPDX-License-Identifier: MIT
#include "sweep.h"

#include <time.h>

#include "backoff.h"
#include "gc_inject.h"
#include "gc_span.h"
#include "heap.h"
#include "os.h"
#include "release.h"
#include "slow_path.h"

/*
 * In the background: for a fifth of a CPU's time, and where all CPUs are busy the thread that had
 * this one waits for no more than a slice. Allocation sweeps what that is too slow for.
 */
#define SLICE_NS 100000ULL
#define RESTS 4u		 /* times as long as the slice took */
#define REST_MOST_NS 10000000ULL /* where it lost its CPU meanwhile */
#define BATCH 16u		 /* spans between two looks at the clock */
#define SWEEP_MOST_NS 500000ULL	 /* that one allocation sweeps of what it owes */

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

/* The debt is of the process: where time is up the next to allocate goes on. */
void sweep_pages(u64 pages)
{
	u64 end = READ_ONCE(heap.swept) + pages, until = os.now_ns() + SWEEP_MOST_NS, freed = 0;
	u32 n = 0;

	while (READ_ONCE(heap.swept) < end && gc_unswept_bytes() && sweep_any(&freed)) {
		if (++n % BATCH == 0 && os.now_ns() >= until)
			break;
	}
}

/* Sweep for so long, or until nothing is left to take, *@dry; how long it took. */
static u64 slice(u64 ns, u64 *freed, bool *dry)
{
	u64 began = os.now_ns(), now = began;
	bool any = true;

	slow_enter_always();
	while (any && now - began < ns) {
		for (u32 i = 0; any && i < BATCH; i++)
			any = sweep_any(freed);
		now = os.now_ns();
	}
	slow_exit();
	*dry = !any;
	heap.sweep_ns += now - began;
	return now - began;
}

static void rest(u64 ns)
{
	struct timespec ts = {.tv_nsec = (long)min(ns, REST_MOST_NS)};

	nanosleep(&ts, NULL);
}

u64 sweep_all(bool (*hurry)(void))
{
	u64 freed = 0;
	u32 turn = 0;

	while (gc_unswept_bytes()) {
		bool dry;
		u64 took = slice(SLICE_NS, &freed, &dry);

		/* What others have put back moves the line. */
		heap_pace_sweep();
		if (!gc_unswept_bytes())
			break;
		if (dry) /* somebody else sweeps the last ones just now, and may need this CPU */
			backoff(&turn);
		else if (hurry && !hurry())
			rest(took * RESTS);
	}
	return freed;
}

static void each_class(void (*fn)(struct gc_class *c))
{
	struct gc_class *c;
	u32 home, kind, cls;

	slow_enter_always();
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
