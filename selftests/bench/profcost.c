// SPDX-License-Identifier: MIT
/*
 * profcost [ROUNDS] - what the heap profile costs, without the noise between two runs: one
 * process does the same work with the profile off, at 512 KiB and at 64 KiB, in turn, in
 * pieces of a millisecond or two. Of ROUNDS (300) times of each the tenth part from below is
 * printed, so that what else the machine does shows little; time is that of the processor.
 *
 *	LD_PRELOAD=build/liblane.so build/selftests/bench/profcost
 *
 * pair, batch and mixed work as the programs of these names do.
 */
#include "bench.h"

#include <dlfcn.h>
#include <malloc.h>
#include <math.h>

#define LIVE 10000
#define BATCH 100

static const size_t rates[] = {0, 512 << 10, 64 << 10};
#define RATES (sizeof(rates) / sizeof(rates[0]))

static size_t sizes[SIZES];
static void *objs[LIVE];
static struct rng rng;

static void pair(size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(take(sizes[i % SIZES]));
}

static void batch(size_t n)
{
	for (size_t i = 0; i < n; i += BATCH) {
		for (size_t k = 0; k < BATCH; k++)
			objs[k] = take(sizes[(i + k) % SIZES]);
		for (size_t k = 0; k < BATCH; k++) {
			free(objs[k]);
			objs[k] = NULL;
		}
	}
}

static void mixed(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = rnd_below(&rng, LIVE);

		free(objs[at]);
		objs[at] = take(sizes[i % SIZES]);
	}
}

static const struct workload {
	const char *name;
	void (*run)(size_t n);
	unsigned int lo_bits,
		hi_bits; /* sizes: evenly by magnitude; one size where they are alike */
	size_t piece;	 /* objects */
} workloads[] = {
	{"pair", pair, 6, 6, 400000},
	{"batch", batch, 3, 8, 400000},
	{"mixed", mixed, 3, 15, 80000},
};

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of this thread, so that waiting for a processor does not count. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Which part of the objects. */
static double sampled(size_t rate)
{
	double sum = 0;

	for (int i = 0; i < SIZES; i++) {
		void *p = malloc(sizes[i]);

		sum -= expm1(-(double)malloc_usable_size(p) / (double)rate);
		free(p);
	}
	return sum / SIZES;
}

static void measure(const struct workload *w, int rounds, int (*set_rate)(size_t))
{
	double *ns[RATES], off, on = 0;

	for (size_t r = 0; r < RATES; r++)
		ns[r] = must(malloc((size_t)rounds * sizeof(double)));
	for (int i = 0; i < SIZES; i++)
		sizes[i] = w->lo_bits == w->hi_bits ? (size_t)1 << w->lo_bits
						    : rnd_size_log(&rng, w->lo_bits, w->hi_bits);
	for (int round = 0; round < rounds; round++) {
		for (size_t k = 0; k < RATES; k++) {
			size_t r = (k + (size_t)round) % RATES;
			uint64_t start;

			if (set_rate(rates[r]))
				die("profcost: the rate cannot be set");
			w->run(w->piece); /* caches and live samples settle */
			start = cpu_ns();
			w->run(w->piece);
			ns[r][round] = (double)(cpu_ns() - start) / (double)w->piece;
		}
	}
	for (size_t r = 0; r < RATES; r++)
		qsort(ns[r], (size_t)rounds, sizeof(double), by_value);
	off = ns[0][rounds / 10];
	printf("%-6s off %6.2f ns", w->name, off);
	for (size_t r = 1; r < RATES; r++) {
		on = ns[r][rounds / 10];
		printf("   %zuk %6.2f ns %.3f", rates[r] >> 10, on, on / off);
	}
	/* At the last rate, where it stands out of the noise. */
	printf("   a sample %.0f ns\n", (on - off) / sampled(rates[RATES - 1]));
	for (size_t r = 0; r < RATES; r++)
		free(ns[r]);
}

int main(int argc, char **argv)
{
	int (*set_rate)(size_t) = (int (*)(size_t))dlsym(RTLD_DEFAULT, "lane_prof_set_rate");
	int rounds = (int)arg_num(argc, argv, 1, 300);

	if (!set_rate)
		die("profcost: wants Lane preloaded");
	rng_seed(&rng, 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		measure(&workloads[i], rounds > 0 ? rounds : 1, set_rate);
	return 0;
}
