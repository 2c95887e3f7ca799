// SPDX-License-Identifier: MIT
/*
 * The limiter: whatever a collector and a program do, collecting takes at most half
 * of the CPU over any time, plus half of the window; and a collector that stays
 * below half is never limited.
 */
#include "unit.h"

#include "limiter.h"

#define MS 1000000ULL
#define STEPS (ksft_quick() ? 20000 : 200000)

/* A collector that takes @want of 100 of all CPU time, and a quarter where it is limited. */
static u64 share_of(u32 cpus, u32 want, u64 window, u64 run_ns, struct limiter *l)
{
	u64 gc = 0, total = 0;

	limiter_init(l, window, cpus);
	while (total < run_ns * cpus) {
		u64 step = MS * cpus;

		gc += step * (l->limiting ? min(want, 25u) : want) / 100;
		total += step;
		limiter_update(l, gc, total);
	}
	return gc * 1000 / total;
}

static bool half_at_most(void)
{
	struct limiter l;

	for (u32 cpus = 1; cpus <= 512; cpus = cpus * 3 / 2 + 1)
		for (u32 want = 50; want <= 100; want += 10) {
			u64 share = share_of(cpus, want, LIMITER_WINDOW_NS, 100000 * MS, &l);

			/* In the long run half, and the window at the start. */
			if (share > 506 || (want > 50 && share < 480))
				return false;
		}
	return true;
}

static bool below_half_is_free(void)
{
	struct limiter l;

	for (u32 want = 0; want < 50; want += 7)
		if (share_of(8, want, LIMITER_WINDOW_NS, 100000 * MS, &l) + 1 < want * 10 ||
		    l.limited_ns)
			return false;
	return true;
}

/* Random load, random intervals: the bound holds between any two updates. */
static bool any_interval(uint64_t *rng)
{
	u64 gc = 0, total = 0, load = 0;
	struct limiter l;
	bool seen[2] = {false, false};
	s64 excess = 0, most = 0, least = 0;

	limiter_init(&l, 100 * MS, 4);
	for (int i = 0; i < STEPS; i++) {
		/* Bursts of collecting, of many updates each. */
		u64 step = 1 + ksft_random(rng) % (8 * MS), want;

		if (i % 256 == 0)
			load = ksft_random(rng) % 101;
		want = l.limiting ? min(load, 25ULL) : load;
		gc += step * want / 100;
		total += step;
		excess += (s64)(step * want / 100) * 2 - (s64)step;
		/* gc - rest of the interval from the lowest point until now. */
		least = min(least, excess);
		most = max(most, excess - least);
		seen[limiter_update(&l, gc, total)] = true;
	}
	ksft_print_msg("most: %lld ms of a window of 400", (long long)(most / (s64)MS));
	return seen[0] && seen[1] && most <= (s64)(4 * 100 * MS + 8 * MS) && total == l.total_ns;
}

/* It ends limiting once a part of the window has passed without collecting, not before. */
static bool hysteresis(void)
{
	struct limiter l;
	u64 gc = 0, total = 0, changes = 0;

	limiter_init(&l, 800 * MS, 1);
	for (int i = 0; i < 10000; i++) {
		bool was = l.limiting;

		gc += was ? 0 : MS;
		total += MS;
		changes += limiter_update(&l, gc, total) != was;
	}
	/* 800 ms until it is full; then 100 ms off, 100 ms on. */
	return changes >= 80 && changes <= 100;
}

static bool odd_clocks(void)
{
	struct limiter l;

	limiter_init(&l, 100 * MS, 1);
	limiter_update(&l, 30 * MS, 60 * MS);
	/* Nothing, backwards, and more collecting than there was time. */
	if (limiter_update(&l, 30 * MS, 60 * MS) || limiter_update(&l, 10 * MS, 50 * MS) ||
	    limiter_update(&l, 10 * MS, 70 * MS) || l.fill != 0)
		return false;
	if (!limiter_update(&l, 900 * MS, 200 * MS) || l.fill != l.size + 30 * MS)
		return false;
	/* The excess counts on. */
	return limiter_update(&l, 900 * MS, 300 * MS) && l.fill == 2 * l.size &&
	       l.gc_ns == 30 * MS + 230 * MS;
}

int main(void)
{
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(5);
	rng = ksft_seed() | 1;
	ksft_test_result(half_at_most(), "collecting takes half of the CPU at most, 1 to 512 CPUs");
	ksft_test_result(below_half_is_free(), "below half nothing is limited");
	ksft_test_result(any_interval(&rng), "over any time, half and half of the window");
	ksft_test_result(hysteresis(), "limiting begins when full, ends an eighth below");
	ksft_test_result(odd_clocks(), "clocks that stand, or go back, do no harm");
	ksft_finished();
}
