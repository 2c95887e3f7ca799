/* SPDX-License-Identifier: MIT */
/*
 * prof_odds.h - what the rate of the heap profile means for each class, worked out once
 * per change of the rate, as the divisions cost more than all else of a draw.
 *
 *	odds.seq	odd while prof_odds_set() writes; rate's lock (RANK_PROF_RATE)
 *	rate, of[]	likewise; a reader takes them where seq was even before and is
 *			the same after, and where the rate is the one it asks for
 *
 * Who asks for another rate, as a cache may still have the one before, gets it worked out.
 */
#ifndef PERCPU_PROF_ODDS_H
#define PERCPU_PROF_ODDS_H

#include "prof_draw.h"

struct prof_odds {
	u64 mean;   /* prof_mean() */
	u64 weight; /* prof_weight() */
};

/* For objects of @cls at @rate, which is not 0; any number of threads. */
struct prof_odds prof_odds_of(u64 rate, u32 cls);

/* From now on @rate is the one that is asked for. */
void prof_odds_set(u64 rate);

#endif
