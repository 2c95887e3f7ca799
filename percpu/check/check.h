/* SPDX-License-Identifier: MIT */
/*
 * check.h - check:full of LANE_CONF: a program's mistakes with its objects end it with
 * a line that says which (errors.h).
 *
 * An object holds fewer bytes of the program than it has; the rest is a canary. A
 * freed one is poisoned (pattern.h) and waits in a quarantine (quarantine.h).
 * What an object is at stands in the *check map*, 16 bits for each CHECK_GRANULE
 * bytes of heap, out of reach of objects:
 *
 *	15 14 | 13    | 12 .. 0
 *	state | first | bytes of the canary - 1, where the state is not CHECK_NONE
 *
 * state	of the object that starts there			who changes it
 * CHECK_NONE	none does, or it is not checked; fresh: it was	whoever makes the span, or
 *		never handed out				was handed the object
 * CHECK_LIVE	with the program				its owner in free; of two
 *								that free it at once both,
 *								and one finds it so later
 * CHECK_HELD	freed, in quarantine				the quarantine, letting go; or
 *								malloc, taking it from there
 * CHECK_FREE	freed, in caches or spans, still poisoned	whoever is handed it
 *
 * first: nothing is known of what lies before the object. Else an object of the same
 * class does; the last byte of an object that was ever checked is always of the
 * pattern, so that a write before an object is found, too.
 *
 * Not checked are objects from before Lane's constructor, those of a handler that
 * interrupted a slow path (reentry.h) and guarded samples (guard.h).
 *
 * The mode costs the others nothing: the limits in hot are 0 as in lock mode, so that
 * every malloc and free comes to malloc_slow.c, whose first look is at check.on.
 *
 * An object passes from thread to thread by the program's means, or through caches and
 * locks that order more than its entry. But the entry before is looked at, too: the
 * canary is written before CHECK_LIVE (release), and read after it (acquire).
 */
#ifndef PERCPU_CHECK_H
#define PERCPU_CHECK_H

#include "bug.h"
#include "compiler.h"
#include "layout.h"
#include "space.h"

#define CHECK_GRANULE_SHIFT 4
#define CHECK_GRANULE (1u << CHECK_GRANULE_SHIFT)

#define CHECK_NONE 0u
#define CHECK_LIVE 1u
#define CHECK_HELD 2u
#define CHECK_FREE 3u
#define CHECK_STATE_SHIFT 14
#define CHECK_FIRST (1u << 13)
#define CHECK_SLACK_MASK (CHECK_FIRST - 1)
#define CHECK_SLACK_MAX (CHECK_SLACK_MASK + 1) /* bytes */
#define CHECK_FRESH 1u			       /* CHECK_NONE: free, never handed out */

/* No malloc rounds a size up by more: classes are closer, larger alignments have a span each. */
BUILD_BUG_ON(CHECK_SLACK_MAX < PAGE_SIZE);

struct check {
	bool on;      /* constant after the constructor */
	bool fast;    /* malloc may take from CPU caches without the door; lanes.c */
	bool strict;  /* no thread was there at start: every object since then is checked */
	bool wide;    /* the processor has what check_wide.c is made of; constant likewise */
	u16 *map;     /* by granule from space.base; NULL: off; written under a page heap's lock */
	u16 *ring_at; /* by cache line of a CPU's caches: ring_of() the block that begins there */
	u8 *class_by; /* by (size - 1) / 8: class of a size in 1..SMALL_MAX */
};
extern struct check check;

/* In the constructor, with one node heap. 0 or -ENOMEM. */
int check_init(void);

/* Make the map writable for [@from, @to) bytes of heap; page heap's lock. Bytes opened, or -ENOMEM.
 */
s64 check_map_open(u64 from, u64 to);

/* A span of small objects has been made; before any is handed out. */
void check_span_made(const struct span *s);

/* Bytes that a request for @size takes: room for a canary of at least one. */
static inline size_t check_need(size_t size)
{
	return unlikely(check.on) && likely(size != SIZE_MAX) ? max(size, (size_t)MIN_ALIGN) + 1
							      : size;
}

static inline u32 entry_state(u16 e)
{
	return e >> CHECK_STATE_SHIFT;
}

/* Bytes of the canary, 1..CHECK_SLACK_MAX. */
static inline u64 entry_slack(u16 e)
{
	return (e & CHECK_SLACK_MASK) + 1u;
}

static inline u16 entry_of(u32 state, u16 first, u64 slack)
{
	DEBUG_BUG_ON(slack - 1 > CHECK_SLACK_MASK);
	return (u16)(state << CHECK_STATE_SHIFT | (first & CHECK_FIRST) | (slack - 1));
}

static inline u16 entry_with(u16 e, u32 state)
{
	return (u16)(state << CHECK_STATE_SHIFT | (e & (CHECK_FIRST | CHECK_SLACK_MASK)));
}

/* The entry of an address in the heap's range, open or not. */
static inline u16 *check_entry(const void *p)
{
	return &check.map[((uintptr_t)p - space.base) >> CHECK_GRANULE_SHIFT];
}

/* Whether an object that is checked may start at @p. */
static inline bool check_covers(const void *p)
{
	u64 offset = (uintptr_t)p - space.base;

	return offset < READ_ONCE(space.limit) && !(offset % CHECK_GRANULE);
}

/* malloc_slow(), malloc_onhome(), free_slow_sized() and object_size() where check.on. */
void *check_malloc_any(size_t size, size_t align, bool *zeroed);
void *check_made(void *p, size_t size, size_t align);
void check_free_sized(void *p, size_t size);
/* malloc_slow_plain() and free_slow() where check.on, and by longer vectors where check.wide. */
void *check_malloc(size_t size);
void check_free(void *p);
void *check_malloc_wide(size_t size);
void check_free_wide(void *p);
/* object_size(): true, and the bytes asked for in *@size, where a live checked object starts at @p.
 */
bool check_size(const void *p, const char *what, size_t *size, bool *large);
/*
 * An object, checked or not, holds @size bytes from now on, and stays where it is. False, and all
 * is as before: its canary would be longer than its entry can say.
 */
bool check_resized(void *p, size_t size);

/* free_inside() of an object that a handler set aside: true where it was a checked one. */
bool check_free_deferred(void *p);

/* Have at hand what check_let_go() looks at first. */
static __always_inline void check_prefetch(const void *p, u64 bytes)
{
	__builtin_prefetch(check_entry(p), 1);
	__builtin_prefetch(p);
	__builtin_prefetch((const char *)p + 63);
	__builtin_prefetch((const char *)p + bytes - 64);
	__builtin_prefetch((const char *)p + bytes - 1);
}

/* The object leaves the quarantine: dies where its poison was written to. */
void check_let_go(void *p, u64 bytes);
/* It did not. */
void check_take_back(void *p);

#endif
