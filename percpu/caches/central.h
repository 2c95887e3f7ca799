/* SPDX-License-Identifier: MIT */
/*
 * central.h - the spans of one node and class that have free objects.
 *
 * Objects are taken from the fullest spans, so that the others drain and go
 * back to the page heap whole.
 *
 * There are two for each class, one for sampled objects alone. It keeps its last
 * span until it is trimmed, so that an object that is freed twice in a row finds
 * its bit set as any other does.
 *
 * Lock: central.lock (RANK_CENTRAL) protects the lists and the spans of this
 * class that lie in them, and their bitmaps. It is dropped before the page heap
 * is called.
 */
#ifndef PERCPU_CENTRAL_H
#define PERCPU_CENTRAL_H

#include <urcu/list.h>

#include "span.h"
#include "spinlock.h"
#include "stat.h"
#include "transfer.h"

#define CENTRAL_LISTS 11u /* by the logarithm of free objects: list 0 has the fullest spans */

struct node_heap;

struct central {
	struct spinlock lock;
	u32 listed;		 /* bit per list: not empty */
	bool sampled;		 /* constant */
	struct prof_slot *spare; /* sampled: slots that spans left behind (prof_slot.h); lock */
	struct span *whole; /* sampled: the one listed span that is kept though all is free; lock */
	struct cds_list_head list[CENTRAL_LISTS];
	struct stat_book book; /* enum central_item */
};

void central_init(struct central *c, bool sampled);

/* Take up to @n objects, making spans as needed; fewer (or 0) where there is no memory. */
u32 central_get(struct node_heap *nh, u32 cls, void **objs, u32 n, enum object_user user);

/* How objects came: as enum object_user, from the transfer cache, or sampled ones from quarantine.
 */
#define CENTRAL_FROM_TRANSFER 3
#define CENTRAL_FROM_HELD 4

/*
 * Take back @n objects. An object that is free already, or no object at all,
 * ends the process with a line that names it.
 */
void central_put(struct node_heap *nh, u32 cls, void **objs, u32 n, int from);

/* Give back the spans for sampled objects of @cls that hold none. */
void central_trim(struct node_heap *nh, u32 cls);

#endif
