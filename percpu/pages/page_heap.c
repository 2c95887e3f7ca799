// SPDX-License-Identifier: MIT
#include "page_heap.h"

#include <errno.h>
#include <sys/mman.h>

#include "backoff.h"
#include "bug.h"
#include "conf.h"
#include "errors.h"
#include "meta.h"
#include "os.h"
#include "space.h"

#define GROW_MIN 16u /* huge pages opened at a time: 32 MiB */
#define GROW_SHARE 8u
#define SPLIT_MAX 1024u	      /* huge pages of a heap */
#define REJOIN_LOOKS 64u      /* huge pages looked at a call */
#define FORGIVE_PASSES 64u    /* of page_heap_release(), until what was refused is tried again */
#define BUSY_NS 1000000000ULL /* that an allocation waits for busy huge pages */

bool page_heap_surplus;

static u64 first_page(const struct page_heap *ph)
{
	return (u64)ph->home << (HOME_SHIFT - PAGE_SHIFT);
}

static u32 huge_index(const struct page_heap *ph, const struct huge_page *h)
{
	return (u32)(h - ph->huge);
}

static struct span *huge_span(const struct page_heap *ph, const struct huge_page *h, u32 page)
{
	return &space.spans[first_page(ph) + (u64)huge_index(ph, h) * HUGE_PAGES + page];
}

int page_heap_init(struct page_heap *ph, u32 home)
{
	u64 limit = space.home_bytes >> HUGE_SHIFT;

	ph->home = home;
	ph->huge_limit = (u32)limit;
	ph->huge = space.huge + ((u64)home << (HOME_SHIFT - HUGE_SHIFT));
	/* Touched only as far as the heap grows. */
	ph->whole = meta_alloc(DIV_ROUND_UP(limit, BITS_PER_WORD) * sizeof(u64), CACHE_LINE);
	if (!ph->whole)
		return -ENOMEM;
	spin_lock_init(&ph->lock, RANK_PAGE_HEAP);
	CDS_INIT_LIST_HEAD(&ph->whole_backed);
	CDS_INIT_LIST_HEAD(&ph->whole_released);
	return 0;
}

/* Lane's pages in one of the system's. */
static u32 system_page(void)
{
	return (u32)max(os_page_size >> PAGE_SHIFT, (size_t)1);
}

/* Whether something of @h may be given back. Changes only while @h is in no list. */
static bool goes_back(const struct huge_page *h)
{
	u32 from = 0;

	if (h->refused || !huge_backed_free(h))
		return false;
	return system_page() == 1 || huge_next_backed_run(h, &from, system_page());
}

/* Put @h into the list where its state belongs. */
static void list_huge(struct page_heap *ph, struct huge_page *h)
{
	if (h->busy)
		return;
	if (!h->nused) {
		bit_set(ph->whole, huge_index(ph, h));
		if (goes_back(h)) {
			cds_list_add(&h->link, &ph->whole_backed);
			ph->nwhole_backed++;
		} else {
			cds_list_add(&h->link, &ph->whole_released);
		}
	} else if (h->longest) {
		/* An empty list is made when something comes: a start touches none of them. */
		if (!bit_test(ph->part_map, h->longest))
			CDS_INIT_LIST_HEAD(&ph->part[h->longest]);
		/* Backed ones in front: cheaper to allocate from, and what release looks for. */
		if (goes_back(h))
			cds_list_add(&h->link, &ph->part[h->longest]);
		else
			cds_list_add_tail(&h->link, &ph->part[h->longest]);
		bit_set(ph->part_map, h->longest);
	}
}

static void unlist_huge(struct page_heap *ph, struct huge_page *h)
{
	if (cds_list_empty(&h->link))
		return;
	cds_list_del_init(&h->link);
	if (!h->nused) {
		bit_clear(ph->whole, huge_index(ph, h));
		if (goes_back(h))
			ph->nwhole_backed--;
	} else if (cds_list_empty(&ph->part[h->longest])) {
		bit_clear(ph->part_map, h->longest);
	}
}

u64 page_heap_backed_free(const struct page_heap *ph)
{
	return ph->backed_free << PAGE_SHIFT;
}

u64 page_heap_in_use(const struct page_heap *ph)
{
	return ph->book.cur[P_OPENED] - ph->book.cur[P_RELEASED] - page_heap_backed_free(ph);
}

/* Pages were freed: tell release.c where they are too many. */
static void look_for_surplus(struct page_heap *ph)
{
	if (unlikely(pace_surplus(&ph->pace, page_heap_backed_free(ph), page_heap_in_use(ph),
				  READ_ONCE(conf.release_slack))) &&
	    !READ_ONCE(page_heap_surplus))
		WRITE_ONCE(page_heap_surplus, true);
}

/* Open at least @n more huge pages; fewer than usual where memory is short. */
static bool grow(struct page_heap *ph, u32 n)
{
	u32 want = max(max(n, GROW_MIN), ph->opened / GROW_SHARE);
	u64 from = (u64)ph->opened << HUGE_SHIFT, small;
	bool thp;

	want = min(want, ph->huge_limit - ph->opened);
	if (want < n)
		return false;
	if (space_open(ph->home, from, (u64)want << HUGE_SHIFT)) {
		want = n;
		if (space_open(ph->home, from, (u64)want << HUGE_SHIFT))
			return false;
	}
	small = conf_small_pages(from, (u64)want << HUGE_SHIFT);
	thp = conf_advise_huge((char *)space.base + ((u64)ph->home << HOME_SHIFT) + from,
			       (u64)want << HUGE_SHIFT, small);
	for (u32 i = want; i-- > 0;) {
		struct huge_page *h = &ph->huge[ph->opened + i];

		huge_init(h);
		h->thp = thp && (u64)i << HUGE_SHIFT >= small;
		list_huge(ph, h);
	}
	WRITE_ONCE(ph->opened, ph->opened + want);
	book_begin(&ph->book);
	book_add(&ph->book, P_OPENED, (u64)want << HUGE_SHIFT);
	book_add(&ph->book, P_RELEASED, (u64)want << HUGE_SHIFT);
	book_end(&ph->book);
	return true;
}

/* The first index at or after @i of a huge page whose address is a multiple of @align of them. */
static u32 align_huge(const struct page_heap *ph, u32 i, u32 align)
{
	u64 start = (space.base >> HUGE_SHIFT) + ((u64)ph->home << (HOME_SHIFT - HUGE_SHIFT));

	return (u32)(ALIGN_UP(start + i, align) - start);
}

/* The first of @n adjacent whole free huge pages, aligned; ph->opened where there are none. */
static u32 find_whole(const struct page_heap *ph, u32 n, u32 align)
{
	u32 from = 0;

	while (from + n <= ph->opened) {
		u32 start = align_huge(ph, bit_find(ph->whole, ph->opened, from, true), align);
		u32 end;

		if (start + n > ph->opened)
			break;
		end = bit_find(ph->whole, ph->opened, start, false);
		if (end - start >= n)
			return start;
		from = end + 1;
	}
	return ph->opened;
}

/* As find_whole(), opening more behind the free ones at the end; ph->huge_limit on failure. */
static u32 get_whole(struct page_heap *ph, u32 n, u32 align)
{
	u32 at = find_whole(ph, n, align), tail;

	if (at < ph->opened)
		return at;
	for (tail = ph->opened; tail > 0 && bit_test(ph->whole, tail - 1); tail--)
		;
	tail = align_huge(ph, tail, align);
	if (n > ph->huge_limit || tail > ph->huge_limit - n || !grow(ph, tail + n - ph->opened))
		return ph->huge_limit;
	return tail;
}

/* Take a free run of @h; as huge_take(). */
static u32 take_run(struct page_heap *ph, struct huge_page *h, u32 from, u32 n)
{
	u32 backed;

	unlist_huge(ph, h);
	backed = huge_take(h, from, n);
	ph->backed_free += (u64)backed - n;
	list_huge(ph, h);
	return backed;
}

/* Likewise @n pages from @page on, counted from the heap's first; *@zero: all are. */
static u32 take_runs(struct page_heap *ph, u64 page, u64 n, bool *zero)
{
	u32 backed = 0;

	*zero = true;
	for (u64 end = page + n, len; page < end; page += len) {
		u32 from = (u32)(page % HUGE_PAGES), more;

		len = min(end - page, (u64)(HUGE_PAGES - from));
		more = take_run(ph, &ph->huge[page / HUGE_PAGES], from, (u32)len);
		*zero &= more >= len;
		backed += more;
	}
	return backed;
}

/* A run of @npages < 256 pages; returns its span, and in *@backed what take_run() does. */
static struct span *take_part(struct page_heap *ph, u32 npages, u32 align, u32 *backed, bool *zero)
{
	struct huge_page *h = NULL;
	u32 at = HUGE_PAGES;

	for (u32 n = npages; n < HUGE_PAGES; n++) {
		n = bit_find(ph->part_map, HUGE_PAGES, n, true);
		if (n >= HUGE_PAGES)
			break;
		h = cds_list_first_entry(&ph->part[n], struct huge_page, link);
		at = huge_find(h, npages, align);
		if (at < HUGE_PAGES)
			break;
	}
	if (at == HUGE_PAGES) {
		if (!cds_list_empty(&ph->whole_backed))
			h = cds_list_first_entry(&ph->whole_backed, struct huge_page, link);
		else if (!cds_list_empty(&ph->whole_released) || grow(ph, 1))
			h = cds_list_first_entry(&ph->whole_released, struct huge_page, link);
		else
			return NULL;
		at = 0;
	}
	*backed = take_run(ph, h, at, npages);
	*zero = *backed >= npages;
	return huge_span(ph, h, at);
}

/* A run of whole huge pages, the last one perhaps in part. */
static struct span *take_whole(struct page_heap *ph, u32 npages, u32 align, u32 *backed, bool *zero)
{
	u32 at = get_whole(ph, DIV_ROUND_UP(npages, HUGE_PAGES), max(align / HUGE_PAGES, 1u));

	if (at == ph->huge_limit)
		return NULL;
	*backed = take_runs(ph, (u64)at * HUGE_PAGES, npages, zero);
	return huge_span(ph, &ph->huge[at], 0);
}

/* Where the heap cannot grow: any run, though it lies in several huge pages that are in use. */
static struct span *take_any(struct page_heap *ph, u32 npages, u32 align, u32 *backed, bool *zero)
{
	u64 first = (space.base >> PAGE_SHIFT) + first_page(ph);
	u64 at = huge_find_across(ph->huge, ph->opened, first, npages, align);

	if (at == (u64)ph->opened * HUGE_PAGES)
		return NULL;
	*backed = take_runs(ph, at, npages, zero);
	return &space.spans[first_page(ph) + at];
}

/*
 * Lock held, dropped while huge pages that may have room are busy. Not for ever: where handlers in
 * two threads fork at once a child may have one that is nobody's (slow_path.c).
 */
static struct span *take_pages(struct page_heap *ph, u32 npages, u32 align, u32 *backed, bool *zero)
{
	u64 until = 0;
	u32 turn = 0;

	for (;;) {
		struct span *s = npages < HUGE_PAGES && align <= HUGE_PAGES
					 ? take_part(ph, npages, align, backed, zero)
					 : take_whole(ph, npages, align, backed, zero);

		s = s ? s : take_any(ph, npages, align, backed, zero);
		if (s || !ph->nbusy || (until && os.now_ns() >= until))
			return s;
		until = until ? until : os.now_ns() + BUSY_NS;
		spin_unlock(&ph->lock);
		backoff(&turn);
		spin_lock(&ph->lock);
	}
}

struct span *page_heap_alloc(struct page_heap *ph, u32 npages, u32 align, enum span_use use)
{
	u64 bytes = (u64)npages << PAGE_SHIFT;
	struct span *s;
	u32 backed;
	bool zero;

	spin_lock(&ph->lock);
	s = take_pages(ph, npages, align, &backed, &zero);
	if (s) {
		s->npages = npages;
		s->zero = zero;
		s->sampled = false;
		s->held = false;
		s->state = use == USE_LARGE ? SPAN_LARGE : SPAN_FREE;
		book_begin(&ph->book);
		book_sub(&ph->book, P_RELEASED, (u64)backed << PAGE_SHIFT);
		if (use == USE_LARGE) {
			book_add(&ph->book, P_LARGE_BYTES, bytes);
			book_add(&ph->book, P_LARGE_MALLOCS, 1);
		}
		book_end(&ph->book);
		pace_taken(&ph->pace, page_heap_backed_free(ph), (u64)backed << PAGE_SHIFT);
	}
	spin_unlock(&ph->lock);
	return s;
}

/* @h is in no list. */
static void set_refused(struct page_heap *ph, struct huge_page *h, bool refused)
{
	ph->nrefused += (u32)refused - (u32)h->refused;
	h->refused = refused;
}

/* Free pages [@page, @page + @n) counted from the heap's first, huge page by huge page. */
static void put_pages(struct page_heap *ph, u64 page, u64 n)
{
	ph->backed_free += n;
	while (n) {
		struct huge_page *h = &ph->huge[page / HUGE_PAGES];
		u32 from = (u32)(page % HUGE_PAGES);
		u32 len = (u32)min(n, (u64)(HUGE_PAGES - from));

		unlist_huge(ph, h);
		huge_put(h, from, len);
		set_refused(ph, h, false);
		list_huge(ph, h);
		page += len;
		n -= len;
	}
}

void page_heap_free(struct page_heap *ph, struct span *s, enum span_use use)
{
	u64 bytes = span_bytes(s);

	spin_lock(&ph->lock);
	/* Two threads may free the same large object: only here is it certain. */
	if (use == USE_LARGE && unlikely(s->state != SPAN_LARGE))
		die_not_an_object("free", span_start(s));
	s->state = SPAN_FREE;
	put_pages(ph, span_page(s) - first_page(ph), s->npages);
	if (use != USE_SMALL) {
		book_begin(&ph->book);
		book_sub(&ph->book, use == USE_HELD ? P_HELD_BYTES : P_LARGE_BYTES, bytes);
		book_add(&ph->book, P_LARGE_FREES, use == USE_LARGE);
		book_end(&ph->book);
	}
	look_for_surplus(ph);
	spin_unlock(&ph->lock);
}

void page_heap_hold(struct page_heap *ph, struct span *s)
{
	spin_lock(&ph->lock);
	/* As in page_heap_free(). */
	if (unlikely(s->state != SPAN_LARGE || s->held))
		die_double_free(span_start(s));
	s->held = true;
	book_begin(&ph->book);
	book_sub(&ph->book, P_LARGE_BYTES, span_bytes(s));
	book_add(&ph->book, P_HELD_BYTES, span_bytes(s));
	book_add(&ph->book, P_LARGE_FREES, 1);
	book_end(&ph->book);
	spin_unlock(&ph->lock);
}

/* Take the pages just behind @s, all within huge pages that can give them. */
static bool take_behind(struct page_heap *ph, struct span *s, u32 n, u32 *backed)
{
	u64 page = span_page(s) - first_page(ph) + s->npages;
	u64 end = page + n;
	bool zero;

	if (end > (u64)ph->opened * HUGE_PAGES)
		return false;
	for (u64 p = page; p < end;) {
		struct huge_page *h = &ph->huge[p / HUGE_PAGES];
		u32 from = (u32)(p % HUGE_PAGES);
		u32 len = (u32)min(end - p, (u64)(HUGE_PAGES - from));

		if (h->busy || bits_weight(h->used, from, len))
			return false;
		p += len;
	}
	*backed = take_runs(ph, page, n, &zero);
	return true;
}

bool page_heap_resize(struct page_heap *ph, struct span *s, u32 npages)
{
	u32 old = s->npages, backed = 0;
	bool ok = true;

	spin_lock(&ph->lock);
	if (npages > old)
		ok = take_behind(ph, s, npages - old, &backed);
	else if (npages < old)
		put_pages(ph, span_page(s) - first_page(ph) + npages, old - npages);
	if (ok && npages != old) {
		s->npages = npages;
		book_begin(&ph->book);
		book_sub(&ph->book, P_RELEASED, (u64)backed << PAGE_SHIFT);
		book_add(&ph->book, P_LARGE_BYTES, ((u64)npages - old) << PAGE_SHIFT);
		book_end(&ph->book);
		if (npages > old)
			pace_taken(&ph->pace, page_heap_backed_free(ph), (u64)backed << PAGE_SHIFT);
		else
			look_for_surplus(ph);
	}
	spin_unlock(&ph->lock);
	return ok;
}

static void begin_busy(struct page_heap *ph, struct huge_page *h)
{
	unlist_huge(ph, h);
	h->busy = true;
	ph->nbusy++;
}

static void end_busy(struct page_heap *ph, struct huge_page *h)
{
	h->busy = false;
	ph->nbusy--;
	list_huge(ph, h);
}

/* Let @h, which is busy, be in small pages or not; the lock is dropped meanwhile. */
static void set_split(struct page_heap *ph, struct huge_page *h, bool split)
{
	char *addr = page_to_addr(span_page(huge_span(ph, h, 0)));
	int err;

	spin_unlock(&ph->lock);
	err = os.advise(addr, HUGE_SIZE, split ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	spin_lock(&ph->lock);
	if (err)
		return; /* as it was: only what is resident beyond the books depends on it */
	h->split = split;
	h->cut &= split; /* khugepaged may make one of it again */
	ph->nsplit += split ? 1 : -1u;
}

/*
 * Whether the first part of @h is about to go. Where a huge page is mapped there MADV_COLD, for the
 * part, has the kernel make small pages of it at once; else all of it would stay taken, and charged
 * to the cgroup, until memory runs short.
 */
static bool cut(struct huge_page *h)
{
	bool first = h->nused && !h->cut && conf.thp != CONF_THP_NEVER;

	h->cut |= first;
	return first;
}

/* What is free and backed of @h, run by run, until @until; lock held, dropped around madvise(). */
static u64 release_huge(struct page_heap *ph, struct huge_page *h, u64 until)
{
	bool refused = false;
	u64 released = 0;
	u32 from = 0, n;

	begin_busy(ph, h);
	if (h->thp && !h->split && h->nused && ph->nsplit < SPLIT_MAX)
		set_split(ph, h, true);
	while ((n = huge_next_backed_run(h, &from, system_page())) != 0) {
		char *addr = page_to_addr(span_page(huge_span(ph, h, from)));
		u64 bytes = (u64)n << PAGE_SHIFT;
		bool cold = cut(h);
		int err;

		spin_unlock(&ph->lock);
		if (cold)
			os.advise(addr, bytes, MADV_COLD);
		err = os.advise(addr, bytes, MADV_DONTNEED);
		spin_lock(&ph->lock);
		from += n;
		refused |= err != 0;
		if (err)
			continue;
		n = huge_set_released(h, from - n, n);
		bytes = (u64)n << PAGE_SHIFT;
		ph->backed_free -= n;
		book_begin(&ph->book);
		book_add(&ph->book, P_RELEASED, bytes);
		book_end(&ph->book);
		released += bytes;
		if (os.now_ns() >= until)
			break;
	}
	if (h->split && h->nreleased == HUGE_PAGES)
		set_split(ph, h, false);
	h->cut &= h->nreleased < HUGE_PAGES;
	/* To the end of its list: another one may have what the system takes. */
	set_refused(ph, h, refused && !n);
	end_busy(ph, h);
	return released;
}

/* Memory may have been unlocked since. */
static void forgive(struct page_heap *ph)
{
	for (u32 i = 0; i < ph->opened && ph->nrefused; i++) {
		struct huge_page *h = &ph->huge[i];

		if (!h->refused || h->busy)
			continue;
		unlist_huge(ph, h);
		set_refused(ph, h, false);
		list_huge(ph, h);
	}
}

/* The next huge page to release from, @longest free run or shorter; NULL for none. */
static struct huge_page *next_victim(struct page_heap *ph, u32 *longest)
{
	struct huge_page *h;

	if (!cds_list_empty(&ph->whole_backed))
		return cds_list_entry(ph->whole_backed.prev, struct huge_page, link);
	for (; *longest > 0; (*longest)--) {
		if (!bit_test(ph->part_map, *longest))
			continue;
		h = cds_list_first_entry(&ph->part[*longest], struct huge_page, link);
		if (goes_back(h)) /* those of which something does stand in front */
			return h;
	}
	return NULL;
}

u64 page_heap_release(struct page_heap *ph, u64 bytes, u64 until)
{
	u64 released = 0;
	u32 longest = HUGE_PAGES - 1;
	struct huge_page *h;

	spin_lock(&ph->lock);
	/* Who wants all of it wants that, too. */
	if (ph->nrefused &&
	    (bytes >= page_heap_backed_free(ph) || !(++ph->passes % FORGIVE_PASSES)))
		forgive(ph);
	while (released < bytes && (h = next_victim(ph, &longest)) != NULL) {
		released += release_huge(ph, h, until);
		if (os.now_ns() >= until)
			break;
	}
	spin_unlock(&ph->lock);
	return released;
}

void page_heap_rejoin(struct page_heap *ph, u64 until)
{
	spin_lock(&ph->lock);
	for (u32 i = 0; i < REJOIN_LOOKS && ph->nsplit; i++) {
		struct huge_page *h = &ph->huge[ph->rejoined++ % ph->opened];

		if (!h->split || h->busy || h->nreleased)
			continue;
		begin_busy(ph, h);
		set_split(ph, h, false);
		end_busy(ph, h);
		if (os.now_ns() >= until)
			break;
	}
	spin_unlock(&ph->lock);
}
