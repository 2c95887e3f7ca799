// SPDX-License-Identifier: MIT
/*
 * Goals and triggers, one by one: what the formulas give in cases that can be
 * worked out by hand, and that no input, however odd, leads out of bounds.
 */
#include "unit.h"

#include "pacer.h"
#include "sweep_pace.h"

#define TRIES (ksft_quick() ? 20000 : 300000)
#define MB 1000000ULL

static uint64_t rng;

static u64 any(unsigned int bits)
{
	return ksft_random(&rng) >> (64 - 1 - ksft_random(&rng) % bits);
}

/* A pacer that has seen cycles of a heap of @live bytes, @fresh of them allocated while marking. */
static void settle(struct pacer *p, u64 live, u64 fresh, struct pacer_cycle seen)
{
	struct pacer_heap h = {live + fresh, fresh, live, 0, 0, 0, 0};

	for (int i = 0; i < 12; i++) {
		struct assist_now now = {live * 2 - fresh, 0, live * 2, 0};

		pacer_start_cycle(p, &now);
		seen.heap_live = now.heap_live + fresh;
		pacer_end_cycle(p, &seen);
		pacer_commit_goal(p, &h);
	}
}

/* A cycle in which workers took @share of the CPUs and marking took @ns. */
static struct pacer_cycle cycle_of(u64 work, u64 ns, u32 cpus, double share)
{
	return (struct pacer_cycle){
		.scan_work = work,
		.duration_ns = ns,
		.background_ns = (u64)((double)ns * cpus * share),
	};
}

static bool workers(void)
{
	for (u32 cpus = 1; cpus <= 512; cpus++) {
		struct pacer_workers w = pacer_workers(cpus);

		if (w.whole * 4 + w.quarters != cpus || w.quarters > 3)
			return false;
	}
	return pacer_workers(2).whole == 0 && pacer_workers(2).quarters == 2;
}

/* 100 MB live: twice that, wherever marking falls; roots count as live memory. */
static bool goals(void)
{
	struct pacer p;

	pacer_init(&p, 100, PACER_NO_LIMIT, 4 * MB, 8);
	if (p.trigger < 4 * MB || p.trigger > p.goal || p.goal != 5 * MB)
		return false;
	settle(&p, 100 * MB, 0, cycle_of(100 * MB, 50 * MB, 8, 0.25));
	if (p.goal != 200 * MB)
		return false;
	settle(&p, 100 * MB, 30 * MB, cycle_of(100 * MB, 50 * MB, 8, 0.25));
	if (p.goal != 200 * MB || p.live != 100 * MB)
		return false;
	pacer_set_percent(&p, 50);
	if (p.goal != 150 * MB)
		return false;
	pacer_set_percent(&p, 300);
	if (p.goal != 400 * MB)
		return false;
	p.heap.roots = 10 * MB;
	p.heap.stack = 5 * MB;
	pacer_set_percent(&p, 100);
	return p.goal == 215 * MB;
}

/* A heap that only grows: what is new lives, and counts in full. */
static bool growing(void)
{
	struct pacer p;

	pacer_init(&p, 100, PACER_NO_LIMIT, 4 * MB, 8);
	for (u64 live = 100 * MB; live < 10000 * MB; live = live * 2) {
		struct assist_now now = {live - live / 10, 0, live, 0};
		struct pacer_heap h = {live, live / 10, live - live / 10, 0, 0, 0, 0};
		struct pacer_cycle seen = cycle_of(live, 50 * MB, 8, 0.25);

		pacer_start_cycle(&p, &now);
		seen.heap_live = live;
		pacer_end_cycle(&p, &seen);
		pacer_commit_goal(&p, &h);
		if (p.goal < 2 * live - live / 1000 || p.goal > 2 * live)
			return false;
	}
	return true;
}

/*
 * 8 CPUs; marking takes 50 ms with 2 of them, and meanwhile 20 MB are allocated: it starts
 * 20 MB below the goal. Where workers get half, it starts as if it took twice as long.
 */
static bool triggers(void)
{
	struct pacer p;

	pacer_init(&p, 100, PACER_NO_LIMIT, 4 * MB, 8);
	settle(&p, 100 * MB, 20 * MB, cycle_of(100 * MB, 50 * MB, 8, 0.25));
	if (p.trigger < 179 * MB || p.trigger > 181 * MB)
		return false;
	settle(&p, 100 * MB, 20 * MB, cycle_of(100 * MB, 100 * MB, 8, 0.125));
	if (p.trigger < 179 * MB || p.trigger > 181 * MB)
		return false;
	/* Nothing is allocated: nine tenths of the way. Very much: seven tenths of it. */
	settle(&p, 100 * MB, 0, cycle_of(100 * MB, 50 * MB, 8, 0.25));
	if (p.trigger < 189 * MB || p.trigger > 190 * MB)
		return false;
	settle(&p, 100 * MB, 40 * MB, cycle_of(10 * MB, 50 * MB, 8, 0.25));
	if (p.trigger < 181.9 * MB || p.trigger > 182 * MB)
		return false;
	/* Workers with their share need half of the way: half of it; where they get less, too. */
	settle(&p, 100 * MB, 40 * MB, cycle_of(134 * MB, 100 * MB, 8, 0.25));
	if (p.trigger < 169 * MB || p.trigger > 171 * MB)
		return false;
	settle(&p, 100 * MB, 40 * MB, cycle_of(100 * MB, 100 * MB, 8, 0.05));
	return p.trigger == 170 * MB;
}

static bool limits(void)
{
	struct pacer p;
	struct pacer_heap h = {100 * MB, 0, 80 * MB, 0, 0, 20 * MB, 150 * MB};

	pacer_init(&p, 100, 320 * MB, 4 * MB, 8);
	pacer_commit_goal(&p, &h);
	if (p.goal != 200 * MB)
		return false;
	pacer_set_limit(&p, 160 * MB); /* less 20 of others, less 5 of headroom */
	if (p.goal != 135 * MB)
		return false;
	h.mapped = 170 * MB; /* 10 are beyond it */
	pacer_commit_goal(&p, &h);
	if (p.goal != 125 * MB)
		return false;
	h.mapped = 150 * MB;
	pacer_commit_goal(&p, &h);
	pacer_set_percent(&p, -1); /* growth does not count any more, the limit does */
	if (p.goal != 135 * MB)
		return false;
	pacer_set_limit(&p, 320 * MB);
	if (p.goal != 290 * MB)
		return false;
	pacer_set_limit(&p, 10 * MB); /* below what lives */
	if (p.goal != 100 * MB || p.trigger != 100 * MB)
		return false;
	pacer_set_limit(&p, PACER_NO_LIMIT);
	return p.goal == PACER_NO_GOAL;
}

/* Percent and limit change in the middle of a cycle: nothing is owed at once. */
static bool changes_are_no_steps(void)
{
	struct pacer p;
	struct assist_now now = {180 * MB, 0, 190 * MB, 0};

	pacer_init(&p, 100, PACER_NO_LIMIT, 4 * MB, 8);
	settle(&p, 100 * MB, 20 * MB, cycle_of(100 * MB, 50 * MB, 8, 0.25));
	pacer_start_cycle(&p, &now);
	now = (struct assist_now){185 * MB, 40 * MB, 190 * MB, 10 * MB};
	pacer_revise(&p, &now);
	for (int percent = -1; percent < 1000; percent = percent * 2 + 3) {
		pacer_set_percent(&p, percent);
		if (assist_required(&p.now, p.ratio, now.heap_live) != 30 * MB ||
		    p.ratio.work_per_byte > LINE_STEEPEST * 2 * FIXED_ONE)
			return false;
	}
	pacer_set_limit(&p, 150 * MB);
	return assist_required(&p.now, p.ratio, now.heap_live) == 30 * MB &&
	       p.ratio.work_per_byte <= LINE_STEEPEST * 2 * FIXED_ONE;
}

static u64 odd(void)
{
	static const u64 values[] = {0, 1, 4096, 1ULL << 41, FIXED_MOST, UINT64_MAX};

	return ksft_random(&rng) % 4 ? any(46) : values[ksft_random(&rng) % ARRAY_SIZE(values)];
}

static bool in_bounds(const struct pacer *p)
{
	u64 wpb = p->ratio.work_per_byte;

	return p->goal >= p->heap.marked && p->goal <= max(PACER_NO_GOAL, p->heap.marked) &&
	       p->trigger <= p->goal && p->share >= PACER_LEAST_SHARE && p->share <= PACER_SHARE &&
	       (!wpb || (wpb >= ASSIST_RATIO_LEAST && wpb <= ASSIST_RATIO_MOST));
}

/* Numbers that no heap would show: nothing leaves its bounds. */
static bool odd_numbers(void)
{
	struct pacer p;

	for (int i = 0; i < TRIES; i++) {
		struct assist_now now = {odd(), odd(), odd(), (s64)odd()};
		struct pacer_cycle seen = {odd(), odd(), odd(), odd(), odd(), odd()};
		struct pacer_heap h = {odd(), odd(), odd(), odd(), odd(), odd(), odd()};

		if (i % 16 == 0)
			pacer_init(&p, (int)(any(31) % 100000) - 1, odd(), odd(), any(10));
		pacer_start_cycle(&p, &now);
		if (!in_bounds(&p))
			return false;
		pacer_revise(&p, &now);
		pacer_set_percent(&p, (int)any(31));
		pacer_set_limit(&p, odd());
		if (!in_bounds(&p))
			return false;
		pacer_end_cycle(&p, &seen);
		pacer_commit_goal(&p, &h);
		if (!in_bounds(&p))
			return false;
	}
	return true;
}

/* One strange cycle, and four sane ones: it is forgotten. */
static bool outliers_pass(void)
{
	struct pacer_cycle strange = {1ULL << 45, 1, 1, 1ULL << 50, 1ULL << 50, 1ULL << 50};
	struct pacer p;
	u64 before;

	pacer_init(&p, 100, PACER_NO_LIMIT, 4 * MB, 8);
	settle(&p, 100 * MB, 20 * MB, cycle_of(100 * MB, 50 * MB, 8, 0.25));
	before = p.trigger;
	pacer_end_cycle(&p, &strange);
	settle(&p, 100 * MB, 20 * MB, cycle_of(100 * MB, 50 * MB, 8, 0.25));
	return p.trigger >= before - MB / 10 && p.trigger <= before + MB / 10;
}

/*
 * Sweeping: with a span of any size a time, and lines drawn anew as the trigger and the
 * heap move, all is swept below the trigger, and no redrawing asks for anything.
 */
static bool sweeping_ends(void)
{
	for (int i = 0; i < TRIES / 300; i++) {
		u64 heap = MB + any(32), trigger = heap + 2 * MB + any(32), swept = 0;
		u64 pages = any(22);
		struct sweep_pace s;

		sweep_pace_to(&s, heap, 0, pages, trigger);
		while (heap < trigger - trigger / 50) {
			u64 bytes = 8192 * (1 + ksft_random(&rng) % 8);

			if (heap + bytes > trigger)
				break;
			bytes += (trigger - heap) / 1000;
			swept += min(sweep_owed(&s, heap, bytes, swept), pages - swept);
			heap += bytes;
			if (ksft_random(&rng) % 100 == 0) {
				trigger += (ksft_random(&rng) % 3) * (trigger - heap) / 10;
				sweep_pace_to(&s, heap, swept, pages, trigger);
				if (sweep_owed(&s, heap, 0, swept))
					return false;
			}
		}
		swept += min(sweep_owed(&s, heap, trigger - heap, swept), pages - swept);
		if (swept < pages)
			return false;
	}
	return true;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(9);
	rng = ksft_seed() | 1;
	ksft_test_result(workers(), "workers are a quarter of the CPUs, exactly, 1 to 512");
	ksft_test_result(goals(), "the goal is live memory and its percentage");
	ksft_test_result(growing(), "in a heap that only grows, new objects count as live");
	ksft_test_result(triggers(), "marking starts where its end meets the goal");
	ksft_test_result(limits(),
			 "the memory limit bounds the goal, live memory bounds the limit");
	ksft_test_result(changes_are_no_steps(), "percent and limit may change while marking");
	ksft_test_result(odd_numbers(), "odd numbers stay within bounds");
	ksft_test_result(outliers_pass(), "one strange cycle is forgotten");
	ksft_test_result(sweeping_ends(), "sweeping ends before the trigger");
	ksft_finished();
}
