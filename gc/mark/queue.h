/* SPDX-License-Identifier: MIT */
/*
 * queue.h - what is grey: references that a marker has yet to look at.
 *
 * They lie in buffers, a list of full ones and one being filled per CPU. Markers take
 * whole buffers, from their own CPU first, then from the others in turn. Barriers put
 * in single references.
 *
 * An entry is an address with flags in its lowest three bits:
 *
 *	0		a reference: find the object, mark it, then scan it
 *	GREY_MARKED	the object is marked; scan it from this address on
 *	GREY_GUESS	found by conservative scanning: it may be anything
 *	GREY_ROOTS	roots that are still to be scanned (roots.h), no object
 *
 * Each queue numbers what is put and taken, so that the coordinator sees whether a look
 * over all of them was one of a quiet moment (queue_is_quiet()).
 *
 * Lock: queue.lock (RANK_GC_QUEUE), one CPU's at a time, in a slow path or with signals blocked.
 * Buffers come from meta memory outside of it, and are kept for ever; the first is made at the
 * start. Where there is none for what is not scanned, queue.lost is set, and the coordinator
 * looks for marked objects again (mark_rescan()). That has an end: a reference is only lost
 * where it was not marked before, and one buffer is enough for who scans what is marked.
 */
#ifndef GC_QUEUE_H
#define GC_QUEUE_H

#include "gc.h"

#define GREY_MARKED 1u
#define GREY_GUESS 2u
#define GREY_ROOTS 4u
#define GREY_FLAGS 7u

#define BUFFER_ENTRIES 510u

struct gc_buffer {
	struct gc_buffer *next;
	u64 n;
	uintptr_t entry[BUFFER_ENTRIES];
};

/* One for each lane. 0 or -ENOMEM. */
int queue_init(void);

/* An empty buffer; NULL: no memory, and what was to go into it is lost. */
struct gc_buffer *buffer_get(void);
void buffer_put(struct gc_buffer *b);

/*
 * One entry, inside a slow path; from a barrier, outside. False: no memory, and it is the
 * caller's still.
 */
bool queue_put(uintptr_t entry);
bool queue_put_shaded(uintptr_t entry);

/* A buffer with something in it, in exchange for nothing. */
void queue_put_buffer(struct gc_buffer *b);

/* Any buffer with something in it, or NULL. */
struct gc_buffer *queue_take(void);

/* Hint: there is something to take; the same of this CPU's queue alone. */
bool queue_has_work(void);
bool queue_is_fed(void);

/*
 * True where all were empty at one moment. Two such moments with the same *@number had
 * nothing put or taken between them.
 */
bool queue_is_quiet(u64 *number);

/* Note that something could not be queued; whether it was so; the same, and forget it. */
void queue_lose(void);
bool queue_has_lost(void);
bool queue_take_lost(void);

/* Take all there is and forget it. */
void queue_drop(void);

/* The child of a fork: nobody else is left who holds one; then, drop everything. */
void queue_forget_locks(void);
void queue_reset(void);

#endif
