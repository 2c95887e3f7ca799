// SPDX-License-Identifier: MIT
/*
 * When free memory goes back: what stays unneeded after a burst within the
 * delay, what is needed again and again not at all, what is too much at once.
 */
#include "unit.h"

#include "layout.h"
#include "release.h"

#define TICK 100u /* ms */
#define DELAY 2000u
#define SLACK MIB(16)

/* A heap as the policy sees it; the program's demand is what the caller sets. */
struct heap {
	u64 in_use, free, floor, released;
};

static void set_in_use(struct heap *h, u64 bytes)
{
	if (bytes > h->in_use)
		h->free -= min(h->free, bytes - h->in_use);
	else
		h->free += h->in_use - bytes;
	h->in_use = bytes;
	h->floor = min(h->floor, h->free);
}

static u64 tick(struct heap *h, u64 dt)
{
	u64 want = release_want(h->free, h->floor, h->in_use, dt, DELAY, SLACK);

	h->floor = h->free;
	if (want > h->free)
		ksft_exit_fail_msg("wants %llu of %llu", (unsigned long long)want,
				   (unsigned long long)h->free);
	h->free -= want;
	h->released += want;
	return want;
}

/* A burst is freed, and less than the slack is left over: gone after the delay, not at once. */
static bool decays(void)
{
	struct heap h = {.in_use = MIB(100)};
	u64 first;

	set_in_use(&h, MIB(90));
	tick(&h, TICK);
	first = tick(&h, TICK);
	if (first > MIB(3))
		return false;
	for (u32 ms = 0; ms < DELAY + 2 * TICK; ms += TICK)
		tick(&h, TICK);
	return h.free == 0 && h.released == MIB(10);
}

/* Demand goes up and down within each interval: the same memory is used again. */
static bool oscillation_keeps(void)
{
	struct heap h = {.in_use = MIB(100)};

	for (int i = 0; i < 200; i++) {
		set_in_use(&h, MIB(92));
		set_in_use(&h, MIB(100));
		set_in_use(&h, MIB(92));
		if (i > 0 && tick(&h, TICK) > 0)
			return false;
		if (i == 0)
			tick(&h, TICK);
		set_in_use(&h, MIB(100));
	}
	return h.released == 0;
}

/* Of 1 GiB freed all but what may wait goes at the next look that finds it unneeded. */
static bool too_much_goes_at_once(void)
{
	struct heap h = {.in_use = MIB(1024)};

	set_in_use(&h, MIB(16));
	tick(&h, TICK);
	tick(&h, TICK);
	return h.free <= SLACK + h.in_use / 8 && h.free > 0;
}

static bool no_delay_is_at_once(void)
{
	return release_want(MIB(5), MIB(5), MIB(50), TICK, 0, SLACK) == MIB(5) &&
	       release_want(MIB(5), MIB(5), MIB(50), DELAY + 1, DELAY, SLACK) == MIB(5) &&
	       release_want(MIB(5), 0, MIB(50), TICK, 0, SLACK) == 0 &&
	       release_want(0, 0, 0, TICK, DELAY, SLACK) == 0;
}

/* Never more than what was not needed, and more time never means less. */
static bool bounds(uint64_t *rng)
{
	for (int i = 0; i < 100000; i++) {
		u64 free = ksft_random(rng) % MIB(4096), floor = ksft_random(rng) % MIB(4096);
		u64 in_use = ksft_random(rng) % MIB(4096), dt = ksft_random(rng) % 5000;
		u64 want = release_want(free, floor, in_use, dt, DELAY, SLACK);

		if (want > min(free, floor) ||
		    want > release_want(free, floor, in_use, dt + 1, DELAY, SLACK))
			return false;
	}
	return true;
}

int main(void)
{
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(5);
	rng = ksft_seed() | 1;
	ksft_test_result(decays(), "what a burst left decays within the delay");
	ksft_test_result(oscillation_keeps(), "memory used again and again is kept");
	ksft_test_result(too_much_goes_at_once(), "too much does not wait");
	ksft_test_result(no_delay_is_at_once(), "without delay, or after it, all goes");
	ksft_test_result(bounds(&rng), "never what was needed; more time, no less");
	ksft_finished();
}
