// SPDX-License-Identifier: MIT
/*
 * From 1 to 512 CPUs, with workers that get all, half, a twentieth or nothing of their
 * share, and with few or many threads, simulated: the heap keeps to its goal, as assists
 * do what workers do not, and no thread pays in bursts.
 */
#include "gc_sim.h"

static struct sim sim;
static uint64_t seed;

/* The heap kept its goal, and the price stayed near the first of its cycle. */
static bool kept(u32 from, double spread)
{
	for (u32 i = from; i < min(sim.cycles, (u32)SIM_CYCLES); i++) {
		const struct sim_cycle *c = &sim.cycle[i];

		if (!sim_overshoot(c) && c->ratio_most <= c->ratio_first * spread && c->swept)
			continue;
		ksft_print_msg(
			"%u CPUs, %u threads, %.2f granted, cycle %u: goal %.2f, peak %.2f, over-assists %.2f, price %.2f to %.2f",
			sim.conf.cpus, sim.conf.threads, sim.conf.granted, i, (double)c->goal / 1e6,
			(double)c->peak / 1e6, (double)c->over / 1e6, c->ratio_first,
			c->ratio_most);
		return false;
	}
	return sim.cycles > from && !sim.conserved_wrong;
}

/* A live heap that takes all CPUs' workers 20 ms to mark. */
static bool run(struct sim_conf conf, u32 cycles)
{
	double live = 5e6 * conf.cpus;

	conf.step_ns = 50 * US;
	conf.stack = KIB(16) * conf.threads;
	sim_init(&sim, conf, live, seed);
	return sim_run_cycles(&sim, cycles, 60.0 * SEC);
}

static double share(u32 from, bool assists)
{
	double sum = 0, all = 0;

	for (u32 i = from; i < sim.cycles; i++) {
		sum += sim.cycle[i].assist_ns + (assists ? 0 : sim.cycle[i].worker_ns);
		all += sim.cycle[i].wall_ns * sim.conf.cpus;
	}
	return sum / all;
}

static bool cpus(void)
{
	static const u32 some[] = {1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 64, 127, 256, 512};

	for (u32 i = 0; i < ARRAY_SIZE(some); i++) {
		struct sim_conf conf = sim_default();

		conf.cpus = conf.threads = some[i];
		/* The heap is full grown after the twelfth cycle at most. */
		if (!run(conf, some[i] > 64 ? 18 : 25) || !kept(13, 1.25))
			return false;
		if (share(13, false) < 0.24 || share(13, false) > 0.27) {
			ksft_print_msg("%u CPUs: %.3f", some[i], share(8, false));
			return false;
		}
	}
	sim_print(&sim, "512 CPUs");
	return true;
}

static bool starved(void)
{
	static const double granted[] = {0, 0.05, 0.5, 1};
	static const u32 some[] = {1, 2, 8, 64};

	for (u32 i = 0; i < ARRAY_SIZE(some); i++)
		for (u32 g = 0; g < ARRAY_SIZE(granted); g++) {
			struct sim_conf conf = sim_default();

			conf.cpus = conf.threads = some[i];
			conf.granted = granted[g];
			if (!run(conf, 25) || !kept(8, 1.25))
				return false;
			if (some[i] == 8)
				sim_print(&sim, "starved");
			/* What workers do not do, assists do, and no more. */
			if (share(8, false) > 0.27 || (granted[g] < 0.1 && share(8, true) < 0.15))
				return false;
		}
	return true;
}

/* Workers are taken away and come back while cycles run. */
static bool comes_and_goes(void)
{
	struct sim_conf conf = sim_default();

	sim_init(&sim, conf, 100e6, seed);
	while (sim.cycles < 60) {
		sim.conf.granted = ksft_random(&sim.rng) % 2 ? sim_uniform(&sim) : 0;
		sim_run(&sim, 7.0 * MS);
	}
	sim_print(&sim, "comes and goes");
	return kept(8, 1.5);
}

/* More threads than CPUs: an over-assist each is all that may be beyond. */
static bool threads(void)
{
	static const u32 some[] = {1, 2, 16, 100, 1000};

	for (u32 i = 0; i < ARRAY_SIZE(some); i++)
		for (u32 starve = 0; starve < 2; starve++) {
			struct sim_conf conf = sim_default();

			conf.threads = some[i];
			conf.granted = starve ? 0 : 1;
			conf.alloc = 0.1 * max(8.0 / some[i], 1.0);
			if (!run(conf, some[i] > 100 ? 12 : 25) || !kept(8, 1.6))
				return false;
			sim_print(&sim, "threads");
		}
	return true;
}

/* The step of an assist: from 4 KiB to 1 MiB, the goal holds, with the larger ones less exactly. */
static bool steps(void)
{
	for (u64 step = KIB(4); step <= MIB(1); step *= 4) {
		struct sim_conf conf = sim_default();

		conf.assist_step = step;
		conf.granted = 0.2;
		if (!run(conf, 20) || !kept(8, 2))
			return false;
	}
	return true;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(5);
	seed = ksft_seed();
	ksft_test_result(cpus(), "1 to 512 CPUs: a quarter of them marks, and the goal holds");
	ksft_test_result(starved(), "workers with 0, 5, 50%% of their share: assists carry it");
	ksft_test_result(comes_and_goes(), "workers that come and go");
	ksft_test_result(threads(), "1 to 1000 threads on 8 CPUs");
	ksft_test_result(steps(), "assists of 4 KiB to 1 MiB");
	ksft_finished();
}
