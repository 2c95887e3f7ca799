/* SPDX-License-Identifier: MIT */
/*
 * roots.h - what keeps objects beside the stacks: ranges, handles, queued finalizers.
 *
 * Each is scanned once a cycle, in pieces, by workers and assists. The coordinator puts a
 * job for each range, and one for all handles, into the queues of what is grey
 * (GREY_ROOTS). Whoever takes it takes a piece off under roots_lock, puts the job back for
 * others if there is more, and scans the piece without the lock. So roots are grey as
 * objects are, until their references are, and marking ends as it does without them.
 * What is stored into them meanwhile goes through the barrier, as anywhere.
 *
 * A range may be removed, and its memory be gone, while its job is queued. What is left of
 * it is marked by who removes it, piece by piece as others do, who then waits for pieces that are
 * being read (range.busy). The job stays, and finds nothing to take. A range that takes the same
 * place has nothing to be taken either until it is queued itself.
 *
 * Handles and weak references are cells in blocks of meta memory, with a list of free
 * ones. Walkers look at all cells of all blocks without a lock; a free one has NULL.
 *
 * Lock: roots_lock (RANK_GC_ROOTS), for ranges, cells and finalizers. Taken inside a slow
 * path only, so that no fork finds it held.
 */
#ifndef GC_ROOTS_H
#define GC_ROOTS_H

#include "gc.h"

struct lane_gc_tracer;

extern struct spinlock roots_lock;

/* A handle or a weak reference. */
struct cell {
	void *obj;		/* NULL: free, or a weak reference that was cleared */
	struct cell *next_free; /* roots_lock */
};

#define CELLS 254u

struct cell_block {
	struct cell_block *next; /* constant once listed */
	struct cell cell[CELLS];
};

struct cell_pool {
	struct cell_block *blocks; /* roots_lock; read without by walkers, acquire */
	struct cell *free;	   /* roots_lock */
};

/* A free cell, its obj NULL; NULL: no memory. roots_lock held, which meta_alloc() may nest in. */
struct cell *cell_get(struct cell_pool *pool);
void cell_put(struct cell_pool *pool, struct cell *c);

/* Queue all of them; bytes. Coordinator. */
u64 roots_queue(void);

/*
 * Queue the ranges that were added since: what is in them need not have gone through the
 * barrier. True where there were any. After the last stack: who adds a range later has
 * shown all it could store there before.
 */
bool roots_queue_new(void);

/* The child of a fork: nobody reads a range. */
void roots_after_fork(void);

/* A marker has taken @job, an entry with GREY_ROOTS less that flag. Active, in a slow path. */
void roots_scan_piece(struct lane_gc_tracer *m, uintptr_t job);

/* Marking is over (phase TERM): clear weak references to what is not marked. */
void weak_clear(void);

/* Queue the finalizers of what is not marked, and mark it. True where there were any. Coordinator.
 */
bool finalizers_queue(void);

/* Roots for what is queued and has not run. Coordinator. */
void finalizers_scan(void);

/* Start the thread that runs them; wake it. */
int finalizers_start(void);
void finalizers_wake(void);

extern u64 finalizers_run; /* racy: for statistics */

/* Whether @p lies in a root range, for checks: with LANE_DEBUG only. */
bool roots_contain(uintptr_t p);

#endif
