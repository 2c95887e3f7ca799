// SPDX-License-Identifier: MIT
/* One huge page's pages, by random operations, against an array with a state for each page. */
#include "unit.h"

#include "huge_page.h"

enum page_state { RELEASED, BACKED, USED };

static struct huge_page h;
static enum page_state model[HUGE_PAGES];

static u32 run_at(u32 from, bool (*is)(enum page_state))
{
	u32 n = 0;

	while (from + n < HUGE_PAGES && is(model[from + n]))
		n++;
	return n;
}

static bool is_free(enum page_state s)
{
	return s != USED;
}

static u32 count(enum page_state s)
{
	u32 n = 0;

	for (u32 i = 0; i < HUGE_PAGES; i++)
		n += model[i] == s;
	return n;
}

static u32 longest_run(void)
{
	u32 longest = 0;

	for (u32 i = 0; i < HUGE_PAGES; i++)
		longest = max(longest, run_at(i, is_free));
	return longest;
}

static u32 model_find(u32 n, u32 align)
{
	for (u32 i = 0; i + n <= HUGE_PAGES; i += align) {
		if (run_at(i, is_free) >= n)
			return i;
	}
	return HUGE_PAGES;
}

/* Whether all of these pages are free, and one is backed. */
static bool unit_goes_back(u32 from, u32 unit)
{
	bool backed = false;

	for (u32 i = from; i < from + unit; i++) {
		if (model[i] == USED)
			return false;
		backed |= model[i] == BACKED;
	}
	return backed;
}

/* The first run of such units at or after @from. */
static u32 model_backed(u32 *from, u32 unit)
{
	for (u32 i = ALIGN_UP(*from, unit); i < HUGE_PAGES; i += unit) {
		u32 n = 0;

		while (i + n < HUGE_PAGES && unit_goes_back(i + n, unit))
			n += unit;
		if (n) {
			*from = i;
			return n;
		}
	}
	return 0;
}

static bool same(void)
{
	for (u32 i = 0; i < HUGE_PAGES; i++) {
		if (bit_test(h.used, i) != (model[i] == USED) ||
		    bit_test(h.released, i) != (model[i] == RELEASED))
			return false;
	}
	return h.nused == count(USED) && h.nreleased == count(RELEASED) &&
	       huge_free(&h) == HUGE_PAGES - count(USED) && huge_backed_free(&h) == count(BACKED) &&
	       h.longest == longest_run();
}

static void set(u32 from, u32 n, enum page_state s)
{
	while (n--)
		model[from++] = s;
}

static bool take(u32 n, u32 align)
{
	u32 at = huge_find(&h, n, align), unbacked = 0;

	if (at != model_find(n, align))
		return false;
	if (at == HUGE_PAGES)
		return true;
	for (u32 i = at; i < at + n; i++)
		unbacked += model[i] == RELEASED;
	if (huge_take(&h, at, n) != unbacked)
		return false;
	set(at, n, USED);
	return true;
}

static bool put_some(u32 from, u32 n)
{
	while (from < HUGE_PAGES && model[from] != USED)
		from++;
	for (u32 i = 0; i < n; i++) {
		if (from + i >= HUGE_PAGES || model[from + i] != USED)
			n = i;
	}
	if (!n)
		return true;
	huge_put(&h, from, n);
	set(from, n, BACKED);
	return true;
}

static bool release_some(u32 from, u32 unit)
{
	u32 a = from, b = from;
	u32 n = huge_next_backed_run(&h, &a, unit);

	if (n != model_backed(&b, unit) || (n && a != b))
		return false;
	if (n) {
		u32 before = count(BACKED);
		u32 gone = huge_set_released(&h, a, n);

		set(a, n, RELEASED);
		return gone == before - count(BACKED);
	}
	return true;
}

static bool as_model(uint64_t *rng, u32 rounds)
{
	huge_init(&h);
	set(0, HUGE_PAGES, RELEASED);
	for (u32 i = 0; i < rounds; i++) {
		uint64_t r = ksft_random(rng);
		u32 n = 1 + (u32)(r >> 8) % (r >> 4 & 1 ? 8 : HUGE_PAGES);
		u32 from = (u32)(r >> 20) % HUGE_PAGES, power = 1u << (r >> 40) % 5;
		bool good = r % 4 < 2	 ? take(n, power)
			    : r % 4 == 2 ? put_some(from, n)
					 : release_some(from, power);

		if (!good || !same()) {
			ksft_print_msg("operation %u: %u of %u pages at %u, align %u", i,
				       (u32)r % 4, n, from, power);
			return false;
		}
	}
	return true;
}

int main(void)
{
	bool good = true;
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(2);
	rng = ksft_seed() | 1;
	huge_init(&h);
	ksft_test_result(same() && take(HUGE_PAGES, HUGE_PAGES) && same() && h.longest == 0,
			 "taken as a whole");
	for (int i = 0; i < 20 && good; i++)
		good = as_model(&rng, 2000);
	ksft_test_result(good, "random operations, as the model");
	ksft_finished();
}
