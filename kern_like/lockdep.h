/* SPDX-License-Identifier: MIT */
/*
 * lockdep.h - the order of all locks, checked in debug builds.
 *
 * A thread takes locks by rising rank, two of one rank by rising address.
 * Documentation/locking.rst says what each lock protects.
 */
#ifndef KERN_LOCKDEP_H
#define KERN_LOCKDEP_H

#include "compiler.h"

enum lock_rank {
	RANK_NONE,
	RANK_DUMP,	 /* a dump of the heap profile that a trigger asked for (prof_trigger.c) */
	RANK_CONTROL,	 /* start and stop of the service (serve.c) */
	RANK_SERVE,	 /* the service's socket and connections (serve.c) */
	RANK_READER,	 /* one snapshot at a time (snapshot.c) */
	RANK_PROF_READ,	 /* readers of the heap profile and its flush (prof_cycle.c) */
	RANK_TOPOLOGY,	 /* change of mode, nodes and configuration (init.c) */
	RANK_RELEASE,	 /* one release pass at a time (release.c) */
	RANK_PROF_RATE,	 /* one change of the heap profile's rate at a time (prof_rate.c) */
	RANK_GC_PACER,	 /* goal, trigger and ratio of the collected heap (heap.c) */
	RANK_GC_THREADS, /* lists of threads and their records (threads.c) */
	RANK_GC_ROOTS,	 /* root ranges, handles, weak references, finalizers (roots.c ...) */
	RANK_LANE,	 /* one CPU's cache while it is stopped or in lock mode (lanes.h) */
	RANK_CLASS,	 /* first use of a class by a node (node_heap.c) */
	RANK_TRANSFER,	 /* transfer cache of a node and class (transfer.c) */
	RANK_CENTRAL,	 /* spans of a node and class (central.c) */
	RANK_GC_CLASS,	 /* collected spans of a node, kind and class (gc_span.c) */
	RANK_GC_SPACE,	 /* opening of the collector's arrays (gc_map.c) */
	RANK_QUARANTINE, /* quarantines without a thread; large objects in it (quarantine.h) */
	RANK_PAGE_HEAP,	 /* pages of a node (page_heap.c) */
	RANK_GUARD,	 /* slots of guarded objects (guard.c) */
	RANK_RECORD,	 /* records of sampled objects (prof_record.c) */
	RANK_SITES,	 /* the making of call sites (prof_site.c) */
	RANK_SITE,	 /* what one call site counts (prof_site.h) */
	RANK_GC_QUEUE,	 /* grey objects of a CPU; credit's waiters (queue.c, assist.c) */
	RANK_META,	 /* memory for Lane itself (meta.c) */
	RANK_REENTRY,	 /* allocations of interrupted slow paths, under any other (reentry.c) */
	NR_RANKS,
};

struct spinlock;

#ifdef LANE_DEBUG
void lockdep_acquire(const struct spinlock *l);
void lockdep_acquire_any_order(const struct spinlock *l);
void lockdep_release(const struct spinlock *l);
void lockdep_assert_held(const struct spinlock *l);
#else
static inline void lockdep_acquire(const struct spinlock *l)
{
	(void)l;
}
static inline void lockdep_acquire_any_order(const struct spinlock *l)
{
	(void)l;
}
static inline void lockdep_release(const struct spinlock *l)
{
	(void)l;
}
static inline void lockdep_assert_held(const struct spinlock *l)
{
	(void)l;
}
#endif

#endif
