// SPDX-License-Identifier: MIT
/*
 * Programs of all kinds, simulated: the heap keeps to its goal, peaks at twice its live
 * size at 100 percent, marking takes a quarter of the CPU, prices stay low, the pacer
 * learns within a few cycles, and sweeping has ended when marking starts.
 */
#include "gc_sim.h"

#define LENGTH (ksft_quick() ? 1 : 4) /* times as long */

static struct sim sim;
static uint64_t seed;

/* Cycles @from to the last: overshoot, price, sweeping, credit. */
static bool good(const char *name, u32 from, double price, u64 more)
{
	bool ok = sim.cycles > from && !sim.conserved_wrong;

	sim_print(&sim, name);
	for (u32 i = from; i < min(sim.cycles, (u32)SIM_CYCLES); i++) {
		const struct sim_cycle *c = &sim.cycle[i];

		if (sim_overshoot(c) <= more && c->ratio_most <= price && (c->swept || c->early))
			continue;
		ksft_print_msg(
			"%s: cycle %u: goal %.2f MB, peak %.2f, over-assists %.2f, price %.2f, %s",
			name, i, (double)c->goal / 1e6, (double)c->peak / 1e6,
			(double)c->over / 1e6, c->ratio_most, c->swept ? "" : "not swept");
		return false;
	}
	return ok;
}

/* Means over the cycles from @from on. */
static double mean_share(u32 from)
{
	double sum = 0;

	for (u32 i = from; i < sim.cycles; i++)
		sum += sim_share(&sim, &sim.cycle[i]);
	return sum / (sim.cycles - from);
}

static double mean_assists(u32 from)
{
	double sum = 0, all = 0;

	for (u32 i = from; i < sim.cycles; i++) {
		sum += sim.cycle[i].assist_ns;
		all += sim.cycle[i].wall_ns * sim.conf.cpus;
	}
	return sum / all;
}

static double worst_peak(u32 from)
{
	double most = 0;

	for (u32 i = from; i < sim.cycles; i++)
		most = max(most, (double)sim.cycle[i].peak / (double)sim.cycle[i].live);
	return most;
}

/* From 10 MB to 1 GB live, from 20 MB to 2 GB a second and CPU. */
static bool steady(void)
{
	static const double lives[] = {10e6, 100e6, 1e9}, rates[] = {0.02, 0.1, 0.3};

	for (u32 l = 0; l < ARRAY_SIZE(lives); l++)
		for (u32 r = 0; r < ARRAY_SIZE(rates); r++) {
			struct sim_conf conf = sim_default();

			conf.alloc = rates[r];
			sim_init(&sim, conf, lives[l], seed);
			if (!sim_run_cycles(&sim, 40, 300.0 * SEC) || !good("steady", 12, 11, 0) ||
			    worst_peak(12) > 2.1)
				return false;
			/* At 0.3 the half of the way is too short for workers alone. */
			if (r < 2 && (mean_share(12) < 0.24 || mean_share(12) > 0.265))
				return false;
			if (r < 2 && l > 0 && mean_assists(12) > 0.01)
				return false;
		}
	return true;
}

/* Live memory doubles, then halves: the goal follows within three cycles. */
static bool step(void)
{
	u32 up, down;

	sim_init(&sim, sim_default(), 100e6, seed);
	sim_run_cycles(&sim, 20, 100.0 * SEC);
	up = sim.cycles;
	sim.target = 200e6;
	sim_run_cycles(&sim, 10, 100.0 * SEC);
	if (!good("step up", 5, 32, 0))
		return false;
	for (u32 i = up + 3; i < sim.cycles; i++)
		if ((double)sim.cycle[i].goal < 395e6 || (double)sim.cycle[i].goal > 410e6)
			return false;
	down = sim.cycles;
	sim.target = 60e6;
	sim_run_cycles(&sim, 10, 100.0 * SEC);
	if (!good("step down", 5, 32, 0))
		return false;
	for (u32 i = down + 3; i < sim.cycles; i++)
		if ((double)sim.cycle[i].goal > 124e6)
			return false;
	return true;
}

/* Allocation becomes fifteen times faster: within four cycles no assists are needed, but few. */
static bool sudden_rate(void)
{
	u32 before;

	sim_init(&sim, sim_default(), 100e6, seed);
	sim.conf.alloc = 0.01;
	sim_run_cycles(&sim, 10, 100.0 * SEC);
	sim.conf.alloc = 0.15;
	before = sim.cycles;
	sim_run_cycles(&sim, 20, 100.0 * SEC);
	ksft_print_msg("assists in the first cycle %.3f, after the third %.3f",
		       sim.cycle[before].assist_ns / (sim.cycle[before].wall_ns * 8),
		       mean_assists(before + 3));
	return good("sudden rate", 5, 32, 0) && mean_assists(before + 3) < 0.02;
}

/* Live memory grows for ever, and shrinks again. */
static bool ramp(void)
{
	sim_init(&sim, sim_default(), 10e6, seed);
	while (sim.target < 1e9 * LENGTH / 2) {
		sim.target *= 1.0002;
		sim_step(&sim);
	}
	if (!good("ramp up", 5, 32, 0) || worst_peak(5) > 2.6)
		return false;
	while (sim.target > 10e6) {
		sim.target *= 0.9998;
		sim_step(&sim);
	}
	return good("ramp down", 5, 32, 0);
}

/* Rates and live memory that change at random, all the time. */
static bool jitter(void)
{
	struct sim_conf conf = sim_default();

	conf.jitter = 0.9;
	sim_init(&sim, conf, 50e6, seed);
	for (int i = 0; i < 100 * LENGTH; i++) {
		sim.conf.alloc = 0.3 * pow(sim_uniform(&sim), 3);
		sim.target = 50e6 * (1 + 0.5 * sim_uniform(&sim));
		sim.conf.busy = sim_uniform(&sim) < 0.3 ? 0.02 : 1;
		sim_run(&sim, 100.0 * MS);
	}
	return good("jitter", 10, 40, 0);
}

/* Objects of half the live size, one after each 20 MB: beyond the goal by one of them. */
static bool huge_objects(void)
{
	struct sim_conf conf = sim_default();

	conf.huge = 50000000;
	conf.huge_every = 20000000;
	sim_init(&sim, conf, 100e6, seed);
	sim_run(&sim, 5.0 * SEC * LENGTH);
	return good("huge objects", 5, 2 * LINE_STEEPEST, conf.huge);
}

/* 5% of the time busy, with pauses of seconds: cycles are rare, and no price is paid for the pause.
 */
static bool idle(void)
{
	sim_init(&sim, sim_default(), 100e6, seed);
	for (int i = 0; i < 10 * LENGTH; i++) {
		sim.conf.busy = 0;
		sim_run(&sim, 1.0 * SEC);
		sim.conf.busy = 1;
		sim_run(&sim, 50.0 * MS);
	}
	return good("idle", 5, 12, 0) && sim.gc_ns / (sim.now * sim.conf.cpus) < 0.02;
}

/* 100 KB live: the least heap rules, and cycles take what they must. */
static bool tiny(void)
{
	sim_init(&sim, sim_default(), 100e3, seed);
	sim_run(&sim, 2.0 * SEC);
	for (u32 i = 5; i < sim.cycles; i++)
		if (sim.cycle[i].trigger < MIB(4) || sim.cycle[i].peak > MIB(5))
			return false;
	return good("tiny", 5, 2, 0) && sim.gc_ns / (sim.now * sim.conf.cpus) < 0.02;
}

/* All that is allocated lives: the heap grows as fast as the program likes. */
static bool all_lives(void)
{
	sim_init(&sim, sim_default(), 4e9, seed);
	sim_run(&sim, 5.0 * SEC);
	return good("all lives", 3, 40, 0);
}

/*
 * Filled until now, all of it lived; from now on all is garbage. Wherever in a cycle that
 * happens, the heap does not go beyond twice what lives.
 */
static bool fills_then_serves(void)
{
	double worst = 0;

	for (u32 i = 0; i < 24 * LENGTH; i++) {
		double live = 50e6 * pow(2, (double)i / (24 * LENGTH));

		sim_init(&sim, sim_default(), live, seed);
		while (sim.live < live)
			sim_step(&sim);
		sim.peak = 0;
		sim_run_cycles(&sim, 4, 100.0 * SEC);
		worst = max(worst, sim.peak / live);
	}
	ksft_print_msg("peak %.2f of what lives", worst);
	return worst < 2.1;
}

/* Noscan data until now, pointers from now on: twenty times the work that was expected. */
static bool work_far_above(void)
{
	bool ok = true;

	for (u32 granted = 0; granted <= 2; granted++) {
		u32 before;

		sim_init(&sim, sim_default(), 100e6, seed);
		sim.conf.granted = granted / 2.0;
		sim.conf.scan = 0.05;
		sim_run_cycles(&sim, 10, 100.0 * SEC);
		before = sim.cycles;
		sim.conf.scan = 1;
		sim_run_cycles(&sim, 10, 100.0 * SEC);
		ksft_print_msg("price %.2f to %.2f in the first cycle of it, peak %.3f of goal",
			       sim.cycle[before].ratio_first, sim.cycle[before].ratio_most,
			       (double)sim.cycle[before].peak / (double)sim.cycle[before].goal);
		ok = ok && good("work far above", 5, LINE_STEEPEST, 0);
	}
	return ok;
}

/* The percentage changes every 50 ms, in the middle of cycles too. */
static bool percent_changes(void)
{
	bool moved;

	sim_init(&sim, sim_default(), 100e6, seed);
	sim_run_cycles(&sim, 5, 100.0 * SEC);
	for (int i = 0; i < 100 * LENGTH; i++) {
		pacer_set_percent(&sim.pacer, (int)(20 + ksft_random(&sim.rng) % 300));
		/* Lowered below what there is: a cycle is due at once, swept or not. */
		moved = !sim.marking && sim.heap >= (double)sim.pacer.trigger;
		if (!sim.marking)
			sim_pace_sweep(&sim);
		sim_step(&sim);
		if (moved)
			sim_now(&sim)->early = true;
		if (sim.marking)
			sim_saw_ratio(&sim);
		sim_run(&sim, 50.0 * MS);
	}
	return good("percent changes", 5, LINE_STEEPEST, 0);
}

/* A limit that leaves half of the growth; the heap keeps to it. */
static bool limit_above_live(void)
{
	struct sim_conf conf = sim_default();

	conf.limit = 170000000;
	sim_init(&sim, conf, 100e6, seed);
	sim_run(&sim, 5.0 * SEC);
	return good("limit above live", 5, 12, 0) &&
	       sim.peak + (double)conf.other <= (double)conf.limit;
}

/* A limit below what lives: half of the CPU at most, and the program goes on. */
static bool limit_below_live(void)
{
	double before, own;

	for (u32 percent = 0; percent < 2; percent++) {
		struct sim_conf conf = sim_default();

		conf.limit = 50000000;
		conf.percent = percent ? 100 : -1;
		conf.alloc = 0.5;
		sim_init(&sim, conf, 100e6, seed);
		sim_run(&sim, 5.0 * SEC);
		before = sim.gc_ns;
		own = sim.own_ns;
		sim_run(&sim, 20.0 * SEC);
		sim_print(&sim, "limit below live");
		before = (sim.gc_ns - before) / (20.0 * SEC * conf.cpus);
		own = (sim.own_ns - own) / (20.0 * SEC * conf.cpus);
		ksft_print_msg("collecting %.3f, program %.3f of the CPU", before, own);
		if (before > 0.53 || own < 0.4)
			return false;
	}
	return true;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(14);
	seed = ksft_seed();
	ksft_test_result(steady(), "steady: twice the live size, a quarter of the CPU, no assists");
	ksft_test_result(step(), "live memory doubles, falls to a third: three cycles");
	ksft_test_result(sudden_rate(), "allocation becomes fifteen times faster: three cycles");
	ksft_test_result(ramp(), "live memory grows and shrinks for ever");
	ksft_test_result(jitter(), "rates and live memory at random");
	ksft_test_result(huge_objects(), "objects of half the live size");
	ksft_test_result(idle(), "bursts between pauses");
	ksft_test_result(tiny(), "a tiny heap is left alone up to the least heap");
	ksft_test_result(all_lives(), "a program that frees nothing");
	ksft_test_result(fills_then_serves(),
			 "a table is filled, then only replaced: twice its size");
	ksft_test_result(work_far_above(), "twenty times the expected work");
	ksft_test_result(percent_changes(), "the percentage changes on the fly");
	ksft_test_result(limit_above_live(), "a memory limit is kept");
	ksft_test_result(limit_below_live(), "a limit below live memory: slow, but alive");
	ksft_finished();
}
