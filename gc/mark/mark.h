/* SPDX-License-Identifier: MIT */
/*
 * mark.h - the marking itself, for workers, assists and the coordinator alike.
 *
 * A marker has a stack of references (one buffer of queue.h) and, in front of it, two
 * short FIFOs. Marking a large graph is cache misses and little else, and so they overlap:
 *
 *	found	references. What enters has the lines of its page's map and of its mark
 *		prefetched, both known from the address; what leaves is marked
 *	known	objects that were not marked before. What enters has its own lines
 *		prefetched; what leaves is scanned, by what the map said of it
 *
 * So what is marked already costs no line of its own, and what is not waits for none.
 *
 * Objects are scanned word by word beside threads that change them. Each word is loaded
 * once. What is overwritten meanwhile has been shaded by the barrier.
 *
 * Depth first, a tree of any size holds few references: a buffer never fills, and all there is
 * to mark would be one marker's. So where others have found nothing (mark_hungry), and the CPU's
 * queue is empty, it gives away the older half of its stack, which leads to most, and wakes
 * one of them.
 *
 * A marker counts in mark_active while it holds references, from before it takes a
 * buffer until all it has left is in the queues. So where no marker is active and
 * queue_is_quiet(), the only grey references are with threads inside a barrier.
 */
#ifndef GC_MARK_H
#define GC_MARK_H

#include "gc.h"
#include "gc_map.h"
#include "queue.h"

#define MARK_FIFO 16u /* entries of each; a power of two */

/* A marked object that is to be scanned. */
struct gc_known {
	uintptr_t start; /* 0: none */
	u64 refs;	 /* words of it that are references; 0: ask the map */
	u64 bytes;	 /* of its slot, where refs is given */
};

/* One piece of work of one thread; on its stack. This is what a trace callback is given. */
struct lane_gc_tracer {
	struct gc_buffer *stack; /* NULL: none */
	u64 work;		 /* bytes scanned so far */
	u64 marked;		 /* bytes of slots marked so far */
	u32 head, known_head;	 /* of the FIFOs: entered so far */
	u32 count;		 /* in both */
	uintptr_t found[MARK_FIFO];
	struct gc_known known[MARK_FIFO];
};

/* Become active, and no longer: what is left goes to the queues, counts to the heap. */
void mark_begin(struct lane_gc_tracer *m);
void mark_end(struct lane_gc_tracer *m);

/*
 * Mark until at least @work bytes were scanned in all, the clock (os.now_ns()) has
 * passed @until, or nothing is left to take. True where nothing was left. Active, and
 * inside a slow path.
 */
bool mark_some(struct lane_gc_tracer *m, u64 work, u64 until);

/* References found in memory that is no collected object: roots, copies of stacks. */
void mark_words(struct lane_gc_tracer *m, const uintptr_t *from, const uintptr_t *to);

/* One reference; certain, not a guess. */
void mark_reference(struct lane_gc_tracer *m, uintptr_t p);

/* Mark the object that @p points into, and have it scanned by somebody. Inside gc_enter(). */
void mark_shade(uintptr_t p);

/*
 * What the object refers to is about to vanish with it, though a stack that was scanned before may
 * hold what it led to: mark that, as the barrier does for one slot. Inside gc_enter().
 */
void mark_fields(const struct gc_object *o);

/* lane_gc_write() into a slot that the collector has for itself, and scans. */
void write_own(void *slot, void *value);

/* Scan all marked objects again: some were lost for want of memory. Active. */
void mark_rescan(struct lane_gc_tracer *m);

/* Markers at work. */
extern u32 mark_active;

/* Threads that found nothing to take, and wait. Atomic; read as a hint. */
extern u32 mark_hungry;

#endif
