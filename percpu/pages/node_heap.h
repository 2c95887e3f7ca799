/* SPDX-License-Identifier: MIT */
/*
 * node_heap.h - all that belongs to one node: its pages, and per size class a
 * transfer cache over a central list of spans.
 *
 *	CPU caches  <->  transfer (batches of pointers)  <->  central (spans)  <->  pages
 *	a sampled object, one at a time		       <->  sampled (spans)  <->  pages
 *
 * The index of a node heap is the home of its addresses (layout.h).
 */
#ifndef PERCPU_NODE_HEAP_H
#define PERCPU_NODE_HEAP_H

#include "central.h"
#include "pack_pace.h"
#include "page_heap.h"
#include "size_class.h"
#include "transfer.h"

struct lane;

struct node_heap {
	u32 home;	  /* index; constant */
	s32 node;	  /* kernel's node number; constant once topology is known (topology.c) */
	bool bound;	  /* its range is bound to the node; likewise */
	u64 used;	  /* bit per class: made, by node_heap_use_class(); never cleared */
	u64 sampled_used; /* the same for lists of sampled objects */
	u64 packed;	  /* bit per class: is being packed (pack.h); release.c's lock */
	struct spinlock class_lock; /* RANK_CLASS: making of a class */
	struct page_heap pages;
	struct transfer transfer[NR_CLASSES]; /* of used classes; zeroes else */
	struct central central[NR_CLASSES];
	struct central sampled[NR_CLASSES]; /* of sampled objects; zeroes where not sampled_used */
	struct pack_pace pack[NR_CLASSES];  /* release.c's lock */
	struct lane *packer; /* goes past its caches of packed classes; NULL: none; likewise */
};

extern struct node_heap *node_heaps[MAX_HOMES]; /* set before space.limit covers them */
extern u32 nr_homes;				/* node heaps in use; topology.c */

/* For those who are not kept from running while topology.c makes more: their heaps are visible. */
static inline u32 homes_made(void)
{
	return smp_load_acquire(&nr_homes); /* pairs with make_homes() */
}

/* Make heap @home. 0 or -ENOMEM. */
int node_heap_init(u32 home, s32 node);

/* Make a class of the heap, before its first operation: most processes use few. */
void node_heap_use_class(struct node_heap *nh, u32 cls);

/* Whether @cls is being packed: its caches step back (pack.h). */
static inline bool node_heap_packs(const struct node_heap *nh, u32 cls)
{
	return READ_ONCE(nh->packed) >> cls & 1;
}

/*
 * Take up to @n objects for a CPU cache: from the transfer cache, else from
 * spans. Returns how many; 0 where there is no memory.
 */
u32 node_heap_get(struct node_heap *nh, u32 cls, void **objs, u32 n);

/* Take back @n objects that a CPU cache gave up. */
void node_heap_put(struct node_heap *nh, u32 cls, void **objs, u32 n);

/* One object straight to or from the program, past the CPU caches. */
void *node_heap_malloc(struct node_heap *nh, u32 cls);
void node_heap_free(struct node_heap *nh, u32 cls, void *obj);

/* The same for a sampled object. */
void *node_heap_malloc_sampled(struct node_heap *nh, u32 cls);
void node_heap_free_sampled(struct node_heap *nh, u32 cls, void *obj);

/* Pass on what the transfer caches did not need since the last call. */
void node_heap_plunder(struct node_heap *nh);

/* Empty the transfer cache of @cls. */
void node_heap_drain_class(struct node_heap *nh, u32 cls);

/* Empty the transfer caches, and the lists of sampled objects of spans without any. */
void node_heap_drain(struct node_heap *nh);

#endif
