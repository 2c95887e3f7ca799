/* SPDX-License-Identifier: MIT */
/*
 * pacer.h - when marking starts, where it should end, who does it. Pure
 * arithmetic: no threads, no clock, no system call.
 *
 *	marked			    trigger		goal	  ceiling
 *	  |-----------------------------|---------------|-----------|   heap
 *	       sweeping, then nothing	     marking      goal / 20
 *
 * The owner is the collector's coordinating thread; struct pacer is read and written
 * under one lock of its own (pacer_set_percent() and pacer_set_limit() by anyone).
 * Without it allocators read pacer.ratio, by READ_ONCE(), while marking, and
 * pacer.trigger, when they look whether a cycle is due; a stale value is as
 * harmless as one read a moment before.
 *
 *	pacer_init
 *	   pacer_start_cycle -> pacer_revise ... -> pacer_end_cycle -> pacer_commit_goal
 *	   again and again
 *
 * Bytes and ns of CPU time, fractions 32.32 (fixed.h).
 */
#ifndef GC_PACER_H
#define GC_PACER_H

#include "assist_line.h"

#define PACER_SHARE (FIXED_ONE / 4)		/* of the CPUs, for workers while marking */
#define PACER_LEAST_SHARE (FIXED_ONE / 64)	/* planned for, however little they get */
#define PACER_TRIGGER_MOST (FIXED_ONE / 10 * 9) /* of the way from marked to the goal */
#define PACER_TRIGGER_LEAST (FIXED_ONE / 2)
#define PACER_TRIGGER_FAST (FIXED_ONE / 5 * 4) /* start_at(): 0.7 where all of it is too short */
#define PACER_NO_GOAL FIXED_MOST
#define PACER_NO_LIMIT UINT64_MAX
#define PACER_HISTORY 4 /* cycles whose cons/mark counts */

/* The heap at mark termination. Bytes. */
struct pacer_heap {
	u64 marked; /* collected objects that stay: found by marking, or new */
	u64 fresh;  /* of marked: allocated in this cycle, so of unknown life */
	u64 scan;   /* heap memory that was scanned */
	u64 stack;  /* stacks that were scanned */
	u64 roots;  /* root ranges and handles that were scanned */
	u64 other;  /* mapped and not released, where no collected object can be */
	u64 mapped; /* and not released, for anything */
};

/* What a cycle was like, from start to mark termination. */
struct pacer_cycle {
	u64 heap_live;	   /* bytes at its end */
	u64 scan_work;	   /* bytes */
	u64 duration_ns;   /* wall */
	u64 background_ns; /* CPU time of workers, in their share */
	u64 assist_ns;	   /* CPU time of assists */
	u64 idle_ns;	   /* CPU time of marking on CPUs that nobody else wanted */
};

/* All fields: owner's lock; those marked A are read by allocators without it. */
struct pacer {
	struct assist_ratio ratio; /* A: the price of allocation while marking */
	u64 trigger;		   /* A: bytes; marking starts when the heap reaches it */
	u64 goal;		   /* A: bytes; what the heap shall not grow beyond */
	u64 sure;		   /* A: bytes; what it is if nothing new lives: where marking is to
				      end, until it finds more */

	int percent;  /* growth allowed, below 0: none is too much */
	u64 limit;    /* bytes of all of Lane, or PACER_NO_LIMIT */
	u64 min_heap; /* bytes at 100 percent: no cycle starts below */
	u32 cpus;

	struct pacer_heap heap;	      /* at the last mark termination */
	u64 live;		      /* of heap.marked, what is thought to live */
	u64 runway;		      /* bytes that are allocated while marking runs, as expected */
	u64 growth;		      /* fraction of what is allocated by which live memory grows */
	u64 share;		      /* fraction of the CPUs that workers really get */
	u64 cons_mark[PACER_HISTORY]; /* bytes allocated a ns by bytes scanned a ns */
	u32 cycles;		      /* ended */

	/* The cycle that runs. */
	bool marking;
	struct assist_cycle line;
	struct assist_now now; /* at the last revision */
};

/**
 * pacer_init - before the first cycle
 * @percent: as lane_gc_set_percent()
 * @limit: bytes, PACER_NO_LIMIT for none
 * @min_heap: bytes, at 100 percent
 * @cpus: that the process may run on, 1 at least
 */
void pacer_init(struct pacer *p, int percent, u64 limit, u64 min_heap, u32 cpus);

/* The goal follows at once, in the middle of a cycle as well; never by a step in what is owed. */
void pacer_set_percent(struct pacer *p, int percent);
void pacer_set_limit(struct pacer *p, u64 limit);

/** pacer_start_cycle - marking starts, for whatever reason; sets the first ratio */
void pacer_start_cycle(struct pacer *p, const struct assist_now *now);

/** pacer_revise - while marking: the line anew from where the program is now */
void pacer_revise(struct pacer *p, const struct assist_now *now);

/** pacer_end_cycle - marking has ended; learn from it. pacer_commit_goal() follows. */
void pacer_end_cycle(struct pacer *p, const struct pacer_cycle *seen);

/** pacer_commit_goal - goal and trigger of the next cycle */
void pacer_commit_goal(struct pacer *p, const struct pacer_heap *h);

/* Workers for 25% of the CPUs, exactly: @whole threads all of the time, one more for a part. */
struct pacer_workers {
	u32 whole;
	u32 quarters; /* 0..3: the last one's part of its time */
};

static inline struct pacer_workers pacer_workers(u32 cpus)
{
	return (struct pacer_workers){cpus / 4, cpus % 4};
}

#endif
