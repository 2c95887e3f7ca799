/* SPDX-License-Identifier: MIT */
/*
 * page_heap.h - the free pages of one node, huge page by huge page.
 *
 * A run of fewer than 256 pages comes from one huge page: of those that are
 * partly used, the one whose longest free run is the shortest that fits, so
 * that the fullest fill up and the others may drain and go back whole. Longer
 * runs take whole huge pages; what is left of the last one serves small runs.
 * Where the heap cannot grow any run will do, in however many huge pages it lies.
 *
 * Lock: page_heap.lock (RANK_PAGE_HEAP) protects everything here, the
 * huge_page array of the home and the state of its SPAN_FREE spans. It is
 * dropped around madvise(): a huge page that is being released is busy, in no
 * list, and so never allocated from meanwhile. Where there is no other memory an
 * allocation waits for it, up to a second, as it is not to fail beside free pages.
 *
 * A huge page of which a part is released is *split*: told to stay in small
 * pages (MADV_NOHUGEPAGE), or the kernel's khugepaged would make one huge page
 * of it again and so back what was released. Until it is released or backed as
 * a whole. Each may cost two mappings, of which a process has some ten
 * thousands; so there are at most SPLIT_MAX of them.
 *
 * book: opened = released + free and backed + small spans + large objects. The
 * spans are counted by the central lists, so what is on its way to or from one
 * of them counts as free here; the free and backed bytes of a snapshot are what
 * the others leave.
 */
#ifndef PERCPU_PAGE_HEAP_H
#define PERCPU_PAGE_HEAP_H

#include "huge_page.h"
#include "release_pace.h"
#include "span.h"
#include "spinlock.h"
#include "stat.h"

#define PART_WORDS DIV_ROUND_UP(HUGE_PAGES, BITS_PER_WORD)

struct page_heap {
	struct spinlock lock;
	u32 home;		/* constant */
	u32 opened;		/* huge pages; under lock, read without by span_of() */
	u32 huge_limit;		/* huge pages that the range has; constant */
	struct huge_page *huge; /* array of them; constant */
	u64 *whole;		/* bit per huge page: free as a whole, listed below */
	u32 nwhole_backed;	/* huge pages in whole_backed */
	u64 backed_free;	/* pages free and backed */
	u32 nsplit;		/* huge pages that are split */
	u32 nbusy;		/* and that are busy */
	u32 nrefused;		/* and of which the system refused something */
	u32 passes;		/* of page_heap_release() with such */
	u32 rejoined;		/* the next to be looked at by page_heap_rejoin() */
	struct release_pace pace;
	struct cds_list_head whole_backed;   /* at least one page backed; oldest last */
	struct cds_list_head whole_released; /* none backed, or refused */
	u64 part_map[PART_WORDS];	     /* bit n: part[n] is not empty */
	struct cds_list_head
		part[HUGE_PAGES]; /* partly used, by longest free run; garbage where empty */
	struct stat_book book;	  /* enum page_item */
};

/* What a span is for: decides how it is counted. USE_HELD: a large one that page_heap_hold() had.
 */
enum span_use { USE_SMALL, USE_LARGE, USE_HELD };

/* 0 or -ENOMEM. */
int page_heap_init(struct page_heap *ph, u32 home);

/*
 * A span of @npages pages, its start a multiple of @align pages (a power of
 * two). head: npages, zero set, state SPAN_LARGE for USE_LARGE (else for the
 * caller to set). NULL where there is no memory. Takes the lock.
 */
struct span *page_heap_alloc(struct page_heap *ph, u32 npages, u32 align, enum span_use use);

/* Give the span back. Takes the lock. */
void page_heap_free(struct page_heap *ph, struct span *s, enum span_use use);

/* The object of a large span is free, and the span waits (quarantine.h). Takes the lock. */
void page_heap_hold(struct page_heap *ph, struct span *s);

/*
 * Resize a large span in place to @npages (its object stays live and counted
 * once). False where the pages behind it are not free. Takes the lock.
 */
bool page_heap_resize(struct page_heap *ph, struct span *s, u32 npages);

/*
 * Return up to about @bytes of free memory to the system: whole huge pages
 * first, oldest first, then parts of the emptiest. Ends at @until (os.now_ns(); UINT64_MAX: when
 * all has gone), after one run at least. Returns bytes released. Takes the lock, drops it
 * around madvise().
 */
u64 page_heap_release(struct page_heap *ph, u64 bytes, u64 until);

/*
 * Of huge pages that were split to release parts of them, let those be huge again that are backed
 * as a whole; looks at some of them a call, until @until. Takes the lock, drops it around
 * madvise().
 */
void page_heap_rejoin(struct page_heap *ph, u64 until);

/* Bytes free and backed now; bytes in spans, whatever they hold. Lock held. */
u64 page_heap_backed_free(const struct page_heap *ph);
u64 page_heap_in_use(const struct page_heap *ph);

/* Set where a free left more free memory than is allowed; release.c clears it. */
extern bool page_heap_surplus;

#endif
