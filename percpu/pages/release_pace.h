/* SPDX-License-Identifier: MIT */
/*
 * release_pace.h - how much of a heap's free memory goes back to the system,
 * and when. Pure arithmetic; all amounts are bytes.
 *
 *	by time		what nobody needed since the last tick decays
 *	by amount	free memory beyond an allowance goes as soon as it is freed
 *
 * So a burst that ends in silence leaves little behind even where no thread
 * runs a slow path any more. The price is paid by a program that frees much
 * and allocates it again: it faults its pages in anew. Such a program shows
 * itself at once, as it takes again what has just been released. So much is
 * its *regret*, by which the allowance grows, and which shrinks with what time
 * releases, as that is what it did not need after all.
 *
 * Releasing is many system calls where free memory lies in small runs, 256 for 2 MiB of single
 * pages, and that is 2 ms and more. A thread that came to allocate does a piece of it, and who
 * comes next the next.
 */
#ifndef PERCPU_RELEASE_PACE_H
#define PERCPU_RELEASE_PACE_H

#include "compiler.h"
#include "layout.h"

#define PACE_SHARE 16u /* 1/16 of what is in use may be free beside the slack */
#define PACE_PIECE 8u  /* 1/8 of a busy process' time, on one CPU, goes into releasing */

/* Of one page heap, under its lock. */
struct release_pace {
	u64 floor;  /* least free memory since the last tick: nobody needed it */
	u64 recent; /* released by amount of late; forgotten within the delay */
	u64 regret; /* of that, taken again */
	u64 due;    /* what the last tick asked for and is still to go, */
	u64 slow;   /* and of that, by time */
};

/* What the user configured. */
struct release_conf {
	u64 delay_ms; /* a third of what nobody needs is left after it; 0: release all */
	u64 slack;    /* free memory that is allowed whatever is in use */
};

/* Memory was taken: @free is left, and of what was taken @unbacked had no pages. */
static inline void pace_taken(struct release_pace *p, u64 free, u64 unbacked)
{
	u64 again = min(unbacked, p->recent);

	p->recent -= again;
	p->regret += again;
	p->floor = min(p->floor, free);
	p->due = min(p->due, free);
	p->slow = min(p->slow, free);
}

/* What may be free. */
static inline u64 pace_allowed(const struct release_pace *p, u64 in_use, u64 slack)
{
	return slack + in_use / PACE_SHARE + p->regret;
}

/* What must go now, after memory was freed. In steps of a huge page at least. */
static inline u64 pace_surplus(const struct release_pace *p, u64 free, u64 in_use, u64 slack)
{
	u64 allowed = pace_allowed(p, in_use, slack);

	return free >= allowed + HUGE_SIZE ? free - allowed : 0;
}

/* @bytes went by amount. */
static inline void pace_released(struct release_pace *p, u64 bytes)
{
	p->recent += bytes;
	p->due -= min(p->due, bytes);
	p->slow = min(p->slow, p->due);
}

/* Of them the system left @bytes (locked memory): the next free does not ask again. */
static inline void pace_refused(struct release_pace *p, u64 bytes)
{
	p->recent -= min(p->recent, bytes);
	p->regret += bytes;
}

/*
 * Of what is due @bytes went. The rest is for later, or where the system has @refused, not to be
 * had.
 */
static inline void pace_gone(struct release_pace *p, u64 bytes, bool refused)
{
	u64 slow = min(p->slow, bytes);

	p->regret -= min(p->regret, slow);
	p->due = refused ? 0 : p->due - min(p->due, bytes);
	p->slow = min(p->slow - slow, p->due);
}

/*
 * How long a thread that came by for something else may release, ns; somebody came by @ms before.
 * So it is little and often in a busy process, and all at once in one that is quiet.
 */
static inline u64 pace_piece(u64 ms)
{
	return ms * (1000000 / PACE_PIECE);
}

/* What must go at a tick, @dt_ms after the last; at most p->floor. p->due from then on. */
u64 pace_tick(struct release_pace *p, u64 free, u64 in_use, u64 dt_ms, struct release_conf conf);

#endif
