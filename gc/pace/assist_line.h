/* SPDX-License-Identifier: MIT */
/*
 * assist_line.h - the price of allocation while marking runs. Pure arithmetic.
 *
 * Work against heap is a line, from where the program is to where it shall be
 * when marking ends:
 *
 *	work				  aim = (heap, work)
 *	  |			       .'
 *	  |			   .'  slope = work that each byte owes
 *	  |	   here        .'
 *	  |	  (live, paid)
 *	  +--------------------------------- heap
 *
 * Paid is the work done less the pool, which is done but belongs to nobody yet.
 * A revision moves the aim and draws the line anew from here. So the work that is
 * required at the present heap is always the work that has been paid: a revision
 * changes what later bytes cost, and never asks for anything at once. And as long as
 * each byte pays its price before it is allocated, here stays on the line, whoever
 * does the work and however fast, and the slope stays what it was.
 *
 * The aim is where the last cycle says, at the goal, while there is no reason to
 * doubt. Two things are reasons, and blend it continuously into the worst case, all
 * scannable memory at the ceiling: more work done than expected, over the next
 * eighth; and a heap above its goal, over the next 64th.
 *
 * The slope is bounded: no byte ever costs more than 64 * (scannable memory + pool)
 * / goal. And it is continuous in the heap, in the work and in the pool.
 */
#ifndef GC_ASSIST_LINE_H
#define GC_ASSIST_LINE_H

#include "credit.h"

#define LINE_TAIL 32u  /* work left is at least 1/32 of the work done, until all is done */
#define LINE_SURE 8u   /* work beyond what was expected by 1/8: the worst case */
#define LINE_DOUBT 64u /* a heap above the goal and its tail by 1/64: the worst case */
#define LINE_CEILING                                                                               \
	32u /* the ceiling is 1/32 above the goal and its tail: within 5% of the goal */
#define LINE_STEEPEST 64u /* no byte costs more than 64 * (scannable + pool) / goal */

/* What is fixed when a cycle starts, but for the goal, which the user may move. Bytes. */
struct assist_cycle {
	u64 trigger;  /* heap where marking started */
	u64 goal;     /* heap where it should end */
	u64 most;     /* no proof of live memory moves the goal beyond; the memory limit */
	u64 expected; /* scan work, by the last cycle */
	u32 percent;  /* growth that live memory allows */
};

/* The present. Bytes. */
struct assist_now {
	u64 heap_live; /* marked by the last cycle, and allocated since */
	u64 scan_work; /* done in this cycle, by whomever */
	u64 scannable; /* most that the cycle may have to scan: heap, stacks and roots */
	s64 pool;      /* of scan_work, what nobody has taken yet */
};

struct assist_aim {
	u64 heap;
	u64 work;
};

/* Where marking is to end, as far as is known now. */
struct assist_aim assist_aim(const struct assist_cycle *c, const struct assist_now *now);

/* The slope of the line to @aim. */
struct assist_ratio assist_slope(const struct assist_cycle *c, const struct assist_now *now,
				 struct assist_aim aim);

/* Work that the line to @aim requires at @heap bytes, beyond now->heap_live. */
u64 assist_required(const struct assist_now *now, struct assist_ratio ratio, u64 heap);

#endif
