// SPDX-License-Identifier: MIT
/*
 * The page heap by random operations: spans never overlap, are aligned and
 * keep what is written to them; its books say what its bitmaps say; when all
 * is freed, it is one whole again.
 */
#include "unit.h"

#include "node_heap.h"
#include "space.h"

#define SPANS 300

static struct held {
	struct span *s;
	u32 npages;
	enum span_use use;
	u64 stamp;
} held[SPANS];

static u64 stamps;

static u64 *word_of(const struct held *h, u32 page)
{
	return (u64 *)((char *)span_start(h->s) + (u64)page * PAGE_SIZE);
}

static void fill(struct held *h, u32 from)
{
	for (u32 i = from; i < h->npages; i++)
		*word_of(h, i) = h->stamp + i;
}

static bool intact(const struct held *h)
{
	for (u32 i = 0; i < h->npages; i++) {
		if (*word_of(h, i) != h->stamp + i)
			return false;
	}
	return h->s->npages == h->npages;
}

static bool alloc(struct page_heap *ph, struct held *h, uint64_t r)
{
	u32 n = 1 + (u32)(r >> 8) % (r % 16 == 0 ? 3000 : r % 4 == 0 ? 300 : 20);
	u32 align = r >> 24 & 1 ? 1u << (r >> 25) % 11 : 1;

	h->use = r >> 40 & 1 ? USE_SMALL : USE_LARGE;
	h->s = page_heap_alloc(ph, n, align, h->use);
	h->npages = n;
	h->stamp = stamps += 1ULL << 32;
	if (!h->s || (uintptr_t)span_start(h->s) % (align * PAGE_SIZE))
		return false;
	if (h->s->zero) {
		for (u32 i = 0; i < n; i++) {
			if (*word_of(h, i))
				return false;
		}
	}
	fill(h, 0);
	return true;
}

static bool drop(struct page_heap *ph, struct held *h)
{
	bool good = intact(h);

	page_heap_free(ph, h->s, h->use);
	h->s = NULL;
	return good;
}

static bool resize(struct page_heap *ph, struct held *h, uint64_t r)
{
	u32 n = 1 + (u32)(r >> 8) % (h->npages * 2), old = h->npages;

	if (h->use != USE_LARGE)
		return true;
	if (!page_heap_resize(ph, h->s, n))
		return n > old && intact(h);
	h->npages = n;
	if (n > old)
		fill(h, old);
	return intact(h);
}

/* What the bitmaps say, beside what the book says and what the test holds. */
static bool books_right(struct page_heap *ph)
{
	u64 used = 0, released = 0, large = 0, small = 0;

	for (u32 i = 0; i < ph->opened; i++) {
		struct huge_page *h = &ph->huge[i];

		used += bits_weight(h->used, 0, HUGE_PAGES);
		released += bits_weight(h->released, 0, HUGE_PAGES);
		if (bit_test(ph->whole, i) != !h->nused || cds_list_empty(&h->link) != !h->longest)
			return false;
	}
	for (int i = 0; i < SPANS; i++) {
		if (held[i].s)
			*(held[i].use == USE_LARGE ? &large : &small) += held[i].npages;
	}
	return ph->book.cur[P_OPENED] == (u64)ph->opened << HUGE_SHIFT &&
	       ph->book.cur[P_RELEASED] == released * PAGE_SIZE &&
	       ph->book.cur[P_LARGE_BYTES] == large * PAGE_SIZE && used == large + small &&
	       page_heap_backed_free(ph) ==
		       ((u64)ph->opened * HUGE_PAGES - used - released) * PAGE_SIZE;
}

static bool random_operations(struct page_heap *ph, uint64_t *rng, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		uint64_t r = ksft_random(rng);
		struct held *h = &held[(r >> 50) % SPANS];
		bool good;

		if (r % 100 == 0)
			good = page_heap_release(ph, (r >> 8) % (64 << 20), UINT64_MAX) %
				       PAGE_SIZE ==
			       0;
		else if (!h->s)
			good = alloc(ph, h, r >> 7);
		else
			good = r % 4 ? drop(ph, h) : resize(ph, h, r >> 7);
		if (!good || (i % 50 == 0 && !books_right(ph))) {
			ksft_print_msg("operation %d", i);
			return false;
		}
	}
	return books_right(ph);
}

int main(void)
{
	struct page_heap *ph;
	uint64_t rng;
	u32 whole;

	ksft_print_header();
	ksft_set_plan(4);
	rng = ksft_seed() | 1;
	lane_free(lane_malloc(SMALL_MAX + 1));
	ph = &node_heaps[0]->pages;
	ksft_test_result(books_right(ph), "at the start");
	ksft_test_result(random_operations(ph, &rng, ksft_quick() ? 5000 : 30000),
			 "random operations");
	for (int i = 0; i < SPANS; i++) {
		if (held[i].s && !drop(ph, &held[i]))
			ksft_print_msg("span %d is damaged", i);
	}
	whole = bits_weight(ph->whole, 0, ph->opened);
	ksft_test_result(books_right(ph) && whole == ph->opened, "all freed: %u whole huge pages",
			 whole);
	page_heap_release(ph, UINT64_MAX, UINT64_MAX);
	ksft_test_result(books_right(ph) && !page_heap_backed_free(ph) && unit_books_right(),
			 "all released");
	ksft_finished();
}
