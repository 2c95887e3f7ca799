/* SPDX-License-Identifier: MIT */
/*
 * prof_arm.h - the next sampled pop of a block, as the number that its pops
 * begin at (cpu_block.h).
 *
 * All blocks of a cache began by one rate, cache->rate. That and the beginnings
 * change together: by whoever has stopped the lane (prof_rate.c). A block's first
 * use (lanes.c) takes the rate of the cache, the cache's first block takes
 * prof_bytes. A thread that begins a block anew says for which rate it drew, and
 * does not where the cache has come to another.
 */
#ifndef PERCPU_PROF_ARM_H
#define PERCPU_PROF_ARM_H

#include "cpu_block.h"
#include "prof_odds.h"

/* Mean bytes between two samples, 0 = off. Written by prof_rate.c under its lock, read without. */
extern u64 prof_one_rate; /* 0: never on; ~0: there were several; written under the rate's lock */
extern u64 prof_bytes;

/* Where the pops of a block of @cls begin, so that they are full at the sampled one. */
static inline u64 prof_start(u64 rate, u32 cls)
{
	if (likely(!rate))
		return 0;
	return WORD_POPS_MAX + 1 - prof_gap_of(prof_odds_of(rate, cls).mean, WORD_POPS_MAX + 1);
}

#endif
