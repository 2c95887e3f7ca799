// SPDX-License-Identifier: MIT
/*
 * When free memory goes back: what is too much with the free() that leaves it,
 * what stays unneeded within the delay, what is needed again and again not at
 * all.
 */
#include "unit.h"

#include "release_pace.h"

#define TICK 100u /* ms */
#define DELAY 2000u
#define SLACK MIB(4)

static const struct release_conf pace_conf = {.delay_ms = DELAY, .slack = SLACK};

/* A heap as the policy sees it; the program's demand is what the caller sets. */
struct heap {
	u64 in_use, free, released, faulted;
	struct release_pace pace;
};

static void give_back(struct heap *h, u64 want)
{
	if (want > h->free)
		ksft_exit_fail_msg("wants %llu of %llu", (unsigned long long)want,
				   (unsigned long long)h->free);
	h->free -= want;
	h->released += want;
}

/* In steps of 64 KiB, as programs do. */
static void set_in_use(struct heap *h, u64 bytes)
{
	while (h->in_use < bytes) {
		u64 step = min(bytes - h->in_use, KIB(64)), unbacked = step - min(step, h->free);

		h->in_use += step;
		h->free -= step - unbacked;
		h->faulted += unbacked;
		pace_taken(&h->pace, h->free, unbacked);
	}
	while (h->in_use > bytes) {
		u64 step = min(h->in_use - bytes, KIB(64)), want;

		h->in_use -= step;
		h->free += step;
		want = pace_surplus(&h->pace, h->free, h->in_use, SLACK);
		pace_released(&h->pace, want);
		give_back(h, want);
	}
}

static u64 tick(struct heap *h, u64 dt)
{
	u64 want = pace_tick(&h->pace, h->free, h->in_use, dt, pace_conf);

	give_back(h, want);
	pace_gone(&h->pace, want, false);
	return want;
}

/* 1 GiB is freed, and then nothing runs any more. */
static bool silence_leaves_little(void)
{
	struct heap h = {0};

	for (u64 live = 0; live <= MIB(512); live += MIB(64)) {
		set_in_use(&h, MIB(1024));
		set_in_use(&h, live);
		/* 10 MiB: a percent of the burst before is still remembered. */
		if (h.free > SLACK + live / PACE_SHARE + HUGE_SIZE + MIB(10))
			return false;
		for (u32 ms = 0; ms < 5 * DELAY; ms += TICK)
			tick(&h, TICK);
	}
	return true;
}

/* The same memory is freed and taken, ten times a second: after the second time it stays. */
static bool cycles_learn(void)
{
	struct heap h = {0};

	for (int i = 0; i < 1000; i++) {
		set_in_use(&h, MIB(500));
		set_in_use(&h, MIB(10));
		tick(&h, TICK);
	}
	return h.faulted <= MIB(1100);
}

/* And where it is not taken any more, it goes. */
static bool cycles_forget(void)
{
	struct heap h = {0};

	for (int i = 0; i < 20; i++) {
		set_in_use(&h, MIB(500));
		set_in_use(&h, MIB(10));
		tick(&h, TICK);
	}
	for (u32 ms = 0; ms < 6 * DELAY; ms += TICK)
		tick(&h, TICK);
	return h.free == 0 && h.pace.regret < MIB(10);
}

/* Bursts with long pauses are no cycle: nothing is kept for the next. */
static bool rare_bursts_are_not_learned(void)
{
	struct heap h = {0};

	for (int i = 0; i < 10; i++) {
		set_in_use(&h, MIB(500));
		set_in_use(&h, MIB(10));
		if (h.free > 2 * SLACK)
			return false;
		tick(&h, 10 * DELAY);
	}
	return true;
}

/* The system refuses to take memory: it is asked for each piece once, not at each free. */
static bool refusals_are_remembered(void)
{
	struct release_pace p = {0};
	u64 asked = 0;

	for (u64 free = 0; free < MIB(1024); free += KIB(64)) {
		u64 want = pace_surplus(&p, free, 0, SLACK);

		asked += want;
		pace_released(&p, want);
		pace_refused(&p, want);
	}
	return asked <= MIB(1024);
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

static u64 tick_of(u64 free, u64 floor, u64 in_use, u64 dt, u64 delay)
{
	struct release_pace p = {.floor = floor};

	return pace_tick(&p, free, in_use, dt,
			 (struct release_conf){.delay_ms = delay, .slack = SLACK});
}

static bool no_delay_is_at_once(void)
{
	return tick_of(MIB(5), MIB(5), MIB(50), TICK, 0) == MIB(5) &&
	       tick_of(MIB(5), MIB(5), MIB(50), DELAY + 1, DELAY) == MIB(5) &&
	       tick_of(MIB(5), 0, MIB(50), TICK, 0) == 0 && tick_of(0, 0, 0, TICK, DELAY) == 0;
}

/* Never more than what was not needed, and more time never means less. */
static bool bounds(uint64_t *rng)
{
	for (int i = 0; i < 100000; i++) {
		u64 free = ksft_random(rng) % MIB(4096), floor = ksft_random(rng) % MIB(4096);
		u64 in_use = ksft_random(rng) % MIB(4096), dt = ksft_random(rng) % 5000;
		u64 want = tick_of(free, floor, in_use, dt, DELAY);

		if (want > min(free, floor) || want > tick_of(free, floor, in_use, dt + 1, DELAY))
			return false;
	}
	return true;
}

int main(void)
{
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(9);
	rng = ksft_seed() | 1;
	ksft_test_result(silence_leaves_little(), "a burst that ends in silence leaves little");
	ksft_test_result(cycles_learn(),
			 "what is freed and taken in cycles is faulted in once more");
	ksft_test_result(cycles_forget(), "a cycle that ends is forgotten");
	ksft_test_result(rare_bursts_are_not_learned(), "bursts with pauses are no cycle");
	ksft_test_result(refusals_are_remembered(), "locked memory is asked for once");
	ksft_test_result(decays(), "what a burst left decays within the delay");
	ksft_test_result(oscillation_keeps(), "memory used again and again is kept");
	ksft_test_result(no_delay_is_at_once(), "without delay, or after it, all goes");
	ksft_test_result(bounds(&rng), "never what was needed; more time, no less");
	ksft_finished();
}
