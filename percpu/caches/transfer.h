/* SPDX-License-Identifier: MIT */
/*
 * transfer.h - a node's stock of free objects of one class, as an array of
 * pointers: what one CPU flushes the next one refills from, without touching
 * spans. A drain empties it of what went unused (node_heap_plunder()).
 *
 * Lock: transfer.lock (RANK_TRANSFER) protects all fields.
 */
#ifndef PERCPU_TRANSFER_H
#define PERCPU_TRANSFER_H

#include "spinlock.h"
#include "stat.h"

/* Who gives or takes: decides how it is counted. Sampled objects (prof_sample.h) pass no transfer
 * cache, and the central lists keep them apart. */
enum object_user { USER_CPU, USER_PROGRAM, USER_SAMPLED };

struct transfer {
	struct spinlock lock;
	u32 count;	       /* objects here */
	u32 low;	       /* least count since the last plunder */
	void **slot;	       /* of size_classes[].transfer; allocated at first use */
	struct stat_book book; /* enum transfer_item */
};

void transfer_init(struct transfer *t);

/* Take up to @n objects; returns how many. */
u32 transfer_get(struct transfer *t, void **objs, u32 n, enum object_user user);

/* Store the last of @n objects, as many as fit; returns how many. */
u32 transfer_put(struct transfer *t, u32 cls, void **objs, u32 n, enum object_user user);

/*
 * Take up to @n objects to be drained into the central list: with @all any of
 * them, else only those that were not needed since the last time.
 */
u32 transfer_drain(struct transfer *t, void **objs, u32 n, bool all);

#endif
