// SPDX-License-Identifier: MIT
#include "huge_page.h"

#include <string.h>

#include "bug.h"

static u32 longest_free_run(const struct huge_page *h)
{
	u32 longest = 0, from = 0;

	while (from < HUGE_PAGES) {
		u32 start = bit_find(h->used, HUGE_PAGES, from, false);
		u32 end = bit_find(h->used, HUGE_PAGES, start, true);

		longest = max(longest, end - start);
		from = end;
	}
	return longest;
}

void huge_init(struct huge_page *h)
{
	CDS_INIT_LIST_HEAD(&h->link);
	memset(h->used, 0, sizeof(h->used));
	memset(h->released, 0xff, sizeof(h->released));
	h->nused = 0;
	h->cut = false;
	h->nreleased = HUGE_PAGES;
	h->longest = HUGE_PAGES;
}

u32 huge_find(const struct huge_page *h, u32 n, u32 align)
{
	u32 from = 0;

	while (from + n <= HUGE_PAGES) {
		u32 start = bit_find(h->used, HUGE_PAGES, from, false), end;

		start = ALIGN_UP(start, align);
		if (start + n > HUGE_PAGES)
			break;
		end = bit_find(h->used, HUGE_PAGES, start, true);
		if (end - start >= n)
			return start;
		from = end + 1;
	}
	return HUGE_PAGES;
}

u64 huge_find_across(const struct huge_page *h, u32 huge, u64 first, u32 n, u32 align)
{
	u64 end = (u64)huge * HUGE_PAGES, at, start = ALIGN_UP(first, align) - first;

	for (at = start; at < end && at - start < n;) {
		const struct huge_page *p = &h[at / HUGE_PAGES];
		u32 from = (u32)(at % HUGE_PAGES);

		if (!p->busy && !bit_test(p->used, from)) {
			at += bit_find(p->used, HUGE_PAGES, from, true) - from;
			continue;
		}
		at += (p->busy ? HUGE_PAGES : bit_find(p->used, HUGE_PAGES, from, false)) - from;
		at = start = ALIGN_UP(first + at, align) - first;
	}
	return at - start >= n ? start : end;
}

u32 huge_take(struct huge_page *h, u32 from, u32 n)
{
	u32 backed = bits_weight(h->released, from, n);
	bool at_start = !from || bit_test(h->used, from - 1);
	u32 run = bit_find(h->used, HUGE_PAGES, from, true) - from;

	DEBUG_BUG_ON(bits_weight(h->used, from, n));
	bits_set(h->used, from, n);
	if (h->thp && !h->split && h->nreleased == HUGE_PAGES)
		backed = HUGE_PAGES;
	if (backed == HUGE_PAGES)
		memset(h->released, 0, sizeof(h->released));
	else
		bits_clear(h->released, from, n);
	h->nused = (u16)(h->nused + n);
	h->nreleased = (u16)(h->nreleased - backed);
	/* Only where the longest run may have been cut is a search needed. */
	if (!at_start || run >= h->longest)
		h->longest = (u16)longest_free_run(h);
	return backed;
}

void huge_put(struct huge_page *h, u32 from, u32 n)
{
	u32 start = from, end = from + n;

	DEBUG_BUG_ON(bits_weight(h->used, from, n) != n);
	bits_clear(h->used, from, n);
	h->nused = (u16)(h->nused - n);
	while (start && !bit_test(h->used, start - 1))
		start--;
	end = bit_find(h->used, HUGE_PAGES, end, true);
	h->longest = (u16)max((u32)h->longest, end - start);
}

static bool unit_goes_back(const struct huge_page *h, u32 from, u32 unit)
{
	return !bits_weight(h->used, from, unit) && bits_weight(h->released, from, unit) < unit;
}

u32 huge_next_backed_run(const struct huge_page *h, u32 *from, u32 unit)
{
	u32 start = ALIGN_UP(*from, unit), end;

	while (start < HUGE_PAGES && !unit_goes_back(h, start, unit))
		start += unit;
	for (end = start; end < HUGE_PAGES && unit_goes_back(h, end, unit);)
		end += unit;
	*from = start;
	return end - start;
}

u32 huge_set_released(struct huge_page *h, u32 from, u32 n)
{
	u32 backed = n - bits_weight(h->released, from, n);

	DEBUG_BUG_ON(bits_weight(h->used, from, n));
	bits_set(h->released, from, n);
	h->nreleased = (u16)(h->nreleased + backed);
	return backed;
}
