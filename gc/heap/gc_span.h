/* SPDX-License-Identifier: MIT */
/*
 * gc_span.h - the collected spans of one node, by kind and class.
 *
 * A slot of a small span is free (bit set in span_bitmap()), or it is with a CPU
 * cache or the program. Sweeping frees those that are neither free nor marked, and
 * clears the marks. So whoever has a slot at the time of the sweep must have it
 * marked: what is handed out while gc_class.black is set is marked by the same
 * lock section that takes it, and CPU caches that were filled before are drained
 * (cycle.c).
 *
 *	list		spans
 *	free		swept, with free slots
 *	full		swept, without
 *	unswept		not swept since the last marking
 *
 * At the end of marking gc_class_turn() moves all to unswept and ends black, in
 * one lock section: before it, what is taken is marked and its span swept later;
 * after it, spans are swept before something is taken from them and nothing is
 * marked. So no mark outlives a sweep.
 *
 * A sweep takes a span out of unswept under the lock, gathers its marks without it, and frees under
 * the lock again. In between the span is in no list, it still counts as unswept (sweepgen and
 * nunswept), and nobody changes its marks; slots that are freed or put back meanwhile are seen, as
 * their bits are looked at in the second section. Gathering is most of the sweep: a thread that
 * allocates would wait for one that lost its CPU with the lock.
 *
 * Large objects: a span each, in class 0; never in the list of free ones.
 *
 * Lock: gc_class.lock (RANK_GC_CLASS) protects the lists, the spans in them, their
 * bitmaps and the clearing of their marks. It is dropped before the page heap is
 * called.
 */
#ifndef GC_GC_SPAN_H
#define GC_GC_SPAN_H

#include "gc_map.h"
#include "node_heap.h"
#include "stat.h"

enum gc_item {
	G_CPU_IN,  /* objects taken back from CPU caches */
	G_CPU_OUT, /* objects given to CPU caches */
	G_MALLOCS, /* objects given straight to the program */
	G_FREES,   /* objects freed by lane_gc_free() */
	G_SWEPT,   /* objects freed by sweeping */
	G_SPANS,   /* spans; a level */
	G_BYTES,   /* bytes of them; a level */
	G_LARGE,   /* bytes of large objects' spans made */
};

struct gc_class {
	struct spinlock lock;
	bool black;   /* what is handed out is marked */
	u32 nunswept; /* spans in unswept */
	u32 nspans;   /* in all lists */
	u32 sweepgen; /* turns so far; a span with another number is not swept */
	struct cds_list_head free;
	struct cds_list_head full;
	struct cds_list_head unswept;
	struct stat_book book; /* enum gc_item */
};

struct gc_heap {
	struct gc_class cls[GC_KINDS][NR_CLASSES];
};

extern struct gc_heap *gc_heaps[MAX_HOMES]; /* by home; constant after gc_spans_init() */

/* 0 or -ENOMEM. Inside a slow path. */
int gc_spans_init(void);

/*
 * Take up to @n objects of one class, ready to be handed out: zeroed, but for
 * GC_NOSCAN, and marked where black. For a CPU cache, or straight to the program.
 * Returns how many; 0: no memory. Inside gc_enter() and a slow path.
 */
u32 gc_take(u32 home, u32 kind, u32 cls, void **objs, u32 n, bool to_cpu);

/* Take back what a CPU cache gave up; hooks.put. */
void gc_put(u32 home, u32 kind, u32 cls, void **objs, u32 n);

/* A large object of @bytes; zeroed; NULL: no memory. Inside gc_enter() and a slow path. */
void *gc_take_large(u32 home, u32 kind, u64 bytes);

/* The object, in the span at @page, is sampled at @rate. Inside a slow path. */
void gc_sampled(u64 page, const void *obj, u64 size, u64 rate);

enum gc_free_result { GC_FREED, GC_NOT_LIVE, GC_FREE_TWICE };

/*
 * Explicit free of the object in slot @index of the span at @page. Inside gc_enter(). While marking
 * runs a large object, or one that says itself what it is, is left to the sweep: it stays as it is,
 * but that it was freed is noted.
 */
enum gc_free_result gc_free_slot(u64 page, u32 index);

static inline bool gc_free_leaves(const struct gc_object *o)
{
	return !o->cls || o->kind == GC_TYPED;
}

/* Whether the slot is free; a hint without the lock, exact for one that is reachable. */
bool gc_slot_is_free(u64 page, u32 index);

/* Hand out marked objects from now on; inside a slow path. */
void gc_class_blacken(struct gc_class *c);

/* Marking has ended: see above. */
void gc_class_turn(struct gc_class *c);

/* The marking is given up: end black, and clear the marks of what is swept. */
void gc_class_forget(struct gc_class *c);

/*
 * Sweep one span of the class; false where none was left. Counts what it freed
 * in *@freed, bytes. Inside a slow path.
 */
bool gc_sweep_one(u32 home, u32 kind, u32 cls, u64 *freed);

/* Bytes of spans that are not swept yet, in all classes; of all spans, a hint. */
u64 gc_unswept_bytes(void);
u64 gc_span_bytes(void);

/* A class of any home, in turn: for (i = 0; gc_class_at(i, ...); i++). */
struct gc_class *gc_class_at(u32 i, u32 *home, u32 *kind, u32 *cls);

#endif
