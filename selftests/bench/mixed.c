// SPDX-License-Identifier: MIT
/*
 * Sizes of all magnitudes from 8 bytes to 32 KiB, a random one of a set of
 * live objects replaced each time: mixed SCALE [THREADS [LIVE]]
 */
#include "bench.h"

static size_t steps, live;

static void work(unsigned int id, void *arg)
{
	size_t *sizes = must(malloc(SIZES * sizeof(*sizes)));
	void **objs = must(calloc(live, sizeof(*objs)));
	struct rng r;

	(void)arg;
	rng_seed(&r, id);
	for (int i = 0; i < SIZES; i++)
		sizes[i] = rnd_size_log(&r, 3, 15);
	for (size_t n = 0; n < steps; n++) {
		size_t at = rnd_below(&r, (uint32_t)live);

		free(objs[at]);
		objs[at] = take(sizes[n % SIZES]);
	}
	for (size_t i = 0; i < live; i++)
		free(objs[i]);
	free(objs);
	free(sizes);
}

int main(int argc, char **argv)
{
	unsigned int threads = (unsigned int)arg_num(argc, argv, 2, 1);
	uint64_t ns;

	steps = scaled(arg_scale(argc, argv), 20000000) / threads;
	live = arg_num(argc, argv, 3, 10000);
	ns = run_threads(threads, work, NULL);
	put_result(ns, (double)steps * threads);
	return 0;
}
