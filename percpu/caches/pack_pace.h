/* SPDX-License-Identifier: MIT */
/*
 * pack_pace.h - when a class is packed (pack.h), and when that has brought all
 * that it can. Pure arithmetic; amounts are objects unless a unit is given.
 *
 *	begins	more than 1/6 of the spans' objects are free, and that is worth it
 *	ends	less than 1/12 is, or it is no longer worth it: packed
 *	rests	what is free has not shrunk by 1/8 while twice the live have passed:
 *		what pins the spans does not move. Each such rest is twice as long.
 *		Where free objects have become more by 1/8 that begins anew
 *
 * Twice the live: of objects that are replaced at random, a seventh is still where it was.
 */
#ifndef PERCPU_PACK_PACE_H
#define PERCPU_PACK_PACE_H

#include "compiler.h"

#define PACK_REST_MS 10000u	 /* the first rest */
#define PACK_REST_MAX_MS 640000u /* no longer than this */

/* Of one class of a node; release.c under its lock. */
struct pack_pace {
	bool on;	/* it is being packed */
	u32 rest;	/* length of the last rest, ms; 0: the last time brought something */
	u64 from;	/* free objects when progress was last expected */
	u64 goal;	/* free objects that are progress */
	u64 deadline;	/* of pack_view.passed, by which there must be progress */
	u64 rest_until; /* ms */
};

/* The class as it is. */
struct pack_view {
	u64 objects; /* that its spans have room for */
	u64 free;    /* of these, in the central list */
	u64 passed;  /* came back to the central list, ever */
	u64 worth;   /* as many free ones are worth it */
};

/* Whether the class is to be packed from now on; once a tick. */
bool pack_pace_tick(struct pack_pace *p, const struct pack_view *v, u64 now);

#endif
