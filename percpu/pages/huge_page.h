/* SPDX-License-Identifier: MIT */
/*
 * huge_page.h - which of the 256 pages of one 2 MiB huge page are in use and
 * which are backed. Everything here is under the page heap's lock.
 */
#ifndef PERCPU_HUGE_PAGE_H
#define PERCPU_HUGE_PAGE_H

#include <urcu/list.h>

#include "bitmap.h"
#include "compiler.h"
#include "layout.h"

#define HUGE_WORDS (HUGE_PAGES / BITS_PER_WORD)

struct huge_page {
	struct cds_list_head link; /* in one of the page heap's lists; empty where unlisted */
	u64 used[HUGE_WORDS];	   /* page belongs to a span */
	u64 released[HUGE_WORDS];  /* page is free and the system holds its memory */
	u16 nused;		   /* pages */
	u16 nreleased;		   /* pages */
	u16 longest;		   /* pages in the longest run of free ones */
	bool busy;		   /* being released without the lock: keep it unlisted */
	bool thp;		   /* the kernel was asked for a huge page here; constant */
	bool split;		   /* it was told to keep it in small pages since */
	bool cut;		   /* the kernel has made small pages of it since it was backed */
	bool refused;		   /* the system would not take what is free (locked memory) */
	u64 spare[4];
};
BUILD_BUG_ON(sizeof(struct huge_page) != 128);

static inline u32 huge_free(const struct huge_page *h)
{
	return HUGE_PAGES - h->nused;
}

/* Free pages that are backed. */
static inline u32 huge_backed_free(const struct huge_page *h)
{
	return HUGE_PAGES - h->nused - h->nreleased;
}

/* A fresh one: nothing used, nothing backed. */
void huge_init(struct huge_page *h);

/*
 * The first page of a free run of @n pages that starts at a multiple of
 * @align pages; HUGE_PAGES where there is none.
 */
u32 huge_find(const struct huge_page *h, u32 n, u32 align);

/*
 * The same over @huge adjacent huge pages, all free pages of which may be taken but those of busy
 * ones; counted from the first one's first page, whose number by address is @first. @huge *
 * HUGE_PAGES where there is none.
 */
u64 huge_find_across(const struct huge_page *h, u32 huge, u64 first, u32 n, u32 align);

/*
 * Take a free run for a span; returns how many pages are backed now that were
 * not. That may be more than @n: where nothing was backed and the kernel gives
 * huge pages, the first touch backs all of it.
 */
u32 huge_take(struct huge_page *h, u32 from, u32 n);

/* Put pages of a span back; they are backed. */
void huge_put(struct huge_page *h, u32 from, u32 n);

/*
 * The first run at or after *@from of units, system pages of @unit pages each, that are free as a
 * whole and of which some page is backed; its start in *@from. Returns its pages, 0 for none.
 */
u32 huge_next_backed_run(const struct huge_page *h, u32 *from, u32 unit);

/* The pages of a free run are no longer backed; returns how many were. */
u32 huge_set_released(struct huge_page *h, u32 from, u32 n);

#endif
