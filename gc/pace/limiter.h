/* SPDX-License-Identifier: MIT */
/*
 * limiter.h - collection takes at most half of the CPU. Pure arithmetic; the
 * owner's lock protects the struct, readers of gc_limiting need none.
 *
 * A bucket: a nanosecond of collecting fills it by one, a nanosecond of anything
 * else empties it by one. When it is full, assists return at once until it is an
 * eighth below. Workers go on, as their share is a quarter.
 *
 *	over any time: collecting <= total / 2 + size / 2 + what one update brought
 *
 * Without it a program with more live memory than its limit would do nothing but
 * collect. The size allows a second of nothing but collecting on all CPUs, then a
 * second of nothing else: a real burst of allocation is carried by assists and must
 * not be cut short, as the heap would grow past its goal.
 */
#ifndef GC_LIMITER_H
#define GC_LIMITER_H

#include "compiler.h"

#define LIMITER_WINDOW_NS 1000000000ULL /* per CPU */

struct limiter {
	u64 size;	/* ns of CPU time */
	u64 fill;	/* 0..2 * size: what an update brought beyond counts */
	u64 gc_ns;	/* at the last update */
	u64 total_ns;	/* at the last update */
	u64 limited_ns; /* CPU time that passed while limiting */
	bool limiting;
};

void limiter_init(struct limiter *l, u64 window_ns, u32 cpus);

/**
 * limiter_update - account for time that passed
 * @gc_ns: CPU time of workers and assists since the process began
 * @total_ns: CPU time there was, so CPUs times the clock, since some moment
 *
 * Clocks of several CPUs may disagree a little: what seems to go backwards counts
 * as nothing, and what was collected beyond the total counts in the next update.
 *
 * Return: whether assists are to return at once.
 */
bool limiter_update(struct limiter *l, u64 gc_ns, u64 total_ns);

#endif
