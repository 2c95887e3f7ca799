/* SPDX-License-Identifier: MIT */
/*
 * lanes.h - the lanes: one per CPU index, with the caches of that CPU.
 *
 * A lane's caches are reached through pointers in hot.local and hot.caches.
 * What those point to decides who may touch a cache:
 *
 *	state		pointers	who changes the caches
 *	LANE_DOWN	dummy		nobody; there may be none yet
 *	LANE_UP		the caches	threads on the CPU, in restartable sequences
 *	LANE_STOPPED	dummy		whoever stopped it (lane_stop.c), lock held
 *
 * In lock mode all pointers stay at the dummy, and threads on the CPU change
 * the caches of a LANE_UP lane with its lock held. So lock mode is the same
 * code as a stopped lane; there is no second mechanism.
 *
 * Whoever changes a cache under the lock does it inside a window:
 *
 *	lane_window_open()	seq odd, full barrier, then hot.gen may be loaded
 *	block_..._locked()
 *	lane_window_close()	seq even
 *
 * for the same reason as book_begin() in stat.h: a reader that has stored a
 * new generation waits for a window that may have loaded the old one.
 *
 * Lock order: lanes by rising index, then RANK_TRANSFER and below.
 */
#ifndef PERCPU_LANES_H
#define PERCPU_LANES_H

#include "barrier.h"
#include "bug.h"
#include "cpu_block.h"
#include "hot.h"
#include "spinlock.h"

enum lane_state { LANE_DOWN, LANE_UP, LANE_STOPPED };

struct lane {
	struct spinlock lock;
	u32 seq;	 /* odd inside a window; lock */
	u32 state;	 /* enum lane_state; written under lock, read without */
	u32 index;	 /* constant */
	u32 home;	 /* its own node heap; topology.c while all lanes are stopped */
	u32 next_victim; /* class to shrink next when capacity is short; racy hint */
	u32 misses;	 /* without budget for more capacity; racy hint */
	u32 idle_looks;	 /* looks in a row with hardly an operation; release.c under its lock */
	u64 operations;	 /* on all blocks, at the last look; likewise */
	u64 direct;	 /* bit per class: bypassed; pack.c, threads on the CPU; racy hint */
	u32 direct_left; /* operations until they end that; likewise */
	s64 granted;	 /* bytes of capacity its blocks have; atomic */
	u32 rows;	 /* bit per home: its cache was ever used; atomic or */
	char *caches;	 /* by home, home_offset() apart; lock to make them, read without */
	char *collected; /* by kind, cpu_cache_bytes apart (collected.h); likewise */
} __aligned_to(2 * CACHE_LINE);

extern struct lane *lanes;	      /* constant once lane_started() */
extern u32 nr_lanes;		      /* possible CPUs; likewise */
extern u32 mode;		      /* enum lane_mode; topology.c while all lanes are stopped */
extern struct cpu_cache *dummy_cache; /* of zeroes, never written */

/* Make @n lanes, all down, and tables for @homes heaps. 0 or -ENOMEM. */
int lanes_init(u32 n, u32 homes);

/* The lane of the CPU that runs this, or NULL for a thread without rseq. A hint: it may migrate. */
struct lane *this_lane(void);

/* The home of its node, or the first one. Likewise a hint. */
static inline u32 this_home(void)
{
	struct lane *l = this_lane();

	return l ? l->home : 0;
}

/*
 * Make the lane's cache for @home ready for objects of @cls: the cache itself,
 * its pointer, the block's capacity. False where the lane is stopped, or goes
 * past the block for a while, or there is no memory. Takes the lane's lock where
 * there is something to do.
 */
bool lane_prepare(struct lane *l, u32 home, u32 cls);

/* Let it go past its blocks of @classes for so many operations (pack.h). */
static inline void lane_set_direct(struct lane *l, u64 classes, u32 operations)
{
	WRITE_ONCE(l->direct_left, operations);
	WRITE_ONCE(l->direct, classes);
}

/* Whether objects of @cls and of its own home go past its caches for a while (pack.h). */
static inline bool lane_is_direct(const struct lane *l, u32 cls)
{
	return unlikely(READ_ONCE(l->direct) >> cls & 1);
}

/* The first part of it: the lane is up, or was brought up. */
bool lane_is_up(struct lane *l);

/* Let malloc and free take the fast path over all of the heap; not in lock mode. */
void lanes_open_fast_path(void);

/*
 * Lead every malloc through the slow path, or no longer. A hint: it may take a while. Inside a slow
 * path, as check:full comes on behind the closed door.
 */
void lanes_watch_mallocs(bool watch);

/* Show the lane's caches to its CPU, or hide them. Lock held. */
void lane_publish(struct lane *l);
void lane_hide(struct lane *l);

/* The lane's cache for @home; the lane has caches. */
static inline struct cpu_cache *lane_cache(struct lane *l, u32 home)
{
	return (struct cpu_cache *)(l->caches + home_offset(home));
}

/* Bit per home: its cache was used; the caches are visible to who sees one. */
static inline u32 lane_rows(struct lane *l)
{
	return smp_load_acquire(&l->rows); /* pairs with use_block() */
}

static inline bool lanes_locked(void)
{
	return unlikely(mode == 3); /* LANE_MODE_LOCK; lane.h is for users */
}

static inline void lane_window_open(struct lane *l)
{
	lockdep_assert_held(&l->lock);
	WRITE_ONCE(l->seq, l->seq + 1);
	smp_mb(); /* pairs with snapshot_flip() */
}

static inline void lane_window_close(struct lane *l)
{
	smp_store_release(&l->seq, l->seq + 1); /* pairs with seq_settle() */
}

/*
 * Stop @n lanes (by rising index, at most LANE_STOP_MAX): on return no thread
 * changes their caches, and the caller may, with the locks that it now holds.
 * Threads that run there meanwhile go past the caches; nobody waits.
 */
#define LANE_STOP_MAX 32u
bool lanes_stop(struct lane **set, u32 n); /* false: cannot (fence.h); nothing is held */
void lanes_start(struct lane **set, u32 n);

/* Give all objects of a stopped lane back to their homes and its capacity to the others. */
void lane_drain(struct lane *l);

/* Bring all blocks of a stopped lane into the current generation; inside a window. */
void lane_roll(struct lane *l);

/* Stop, drain and start every lane for which @want returns true; returns how many. */
u32 lanes_drain(bool (*want)(struct lane *l));

#endif
