/* SPDX-License-Identifier: MIT */
/*
 * space.h - the reserved address space: the heap ranges and the arrays that
 * are indexed by page and by huge page. All is set aside at start and made
 * writable as the heap grows, so that nothing is charged before it is used
 * (overcommit_memory=2) and adjacent parts stay one mapping.
 */
#ifndef PERCPU_SPACE_H
#define PERCPU_SPACE_H

#include "barrier.h"
#include "compiler.h"
#include "hot.h"
#include "layout.h"
#include "span.h"

struct huge_page;

struct space {
	uintptr_t base;	    /* first byte of heap 0; constant after space_init() */
	u32 nr_homes;	    /* ranges; constant */
	u64 home_bytes;	    /* bytes that each range may use; constant */
	u64 limit;	    /* bytes from base that node heaps serve; 0 before start (init.c) */
	struct span *spans; /* memmap, by page from base */
	u32 *pagemap; /* by page from base: block_of() its home and class; 0 = look at the span */
	struct huge_page *huge; /* by huge page from base */
};

extern struct space space;

static inline bool lane_started(void)
{
	return smp_load_acquire(&space.limit); /* pairs with lane_start() */
}

/*
 * Set the space aside for @homes heaps, less where RLIMIT_AS or the system
 * forbids it (at worst one small heap). 0 or -ENOMEM.
 */
int space_init(u32 homes);

/*
 * Make @bytes of heap @home from byte @from writable, and what describes them.
 * Called by the page heap under its lock; parts are opened in rising order.
 * 0 or -ENOMEM.
 */
int space_open(u32 home, u64 from, u64 bytes);

static inline u64 addr_to_page(const void *p)
{
	return ((uintptr_t)p - space.base) >> PAGE_SHIFT;
}

static inline void *page_to_addr(u64 page)
{
	return (void *)(space.base + (page << PAGE_SHIFT));
}

static inline u32 addr_to_home(const void *p)
{
	return (u32)(((uintptr_t)p - space.base) >> HOME_SHIFT);
}

static inline u64 span_page(const struct span *s)
{
	return (u64)(s - space.spans);
}

static inline void *span_start(const struct span *s)
{
	return page_to_addr(span_page(s));
}

static inline u64 span_bytes(const struct span *s)
{
	return (u64)s->npages << PAGE_SHIFT;
}

/* The span that @p lies in (SPAN_FREE where none does), or NULL: not in the open heap. */
struct span *span_of(const void *p);

/* Have it at hand; any @p, before start, too. */
static inline void span_prefetch(const void *p)
{
	__builtin_prefetch(&space.spans[addr_to_page(p)]);
}

#endif
