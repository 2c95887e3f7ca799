// SPDX-License-Identifier: MIT
/* Batches of 100 objects of mixed sizes, 8 to 248 bytes: batch SCALE [THREADS] */
#include "bench.h"

#define BATCH 100

static size_t batches;

static void work(unsigned int id, void *arg)
{
	size_t sizes[BATCH];
	void *objs[BATCH];
	struct rng r;

	(void)arg;
	rng_seed(&r, id);
	for (int i = 0; i < BATCH; i++)
		sizes[i] = 8 + rnd_below(&r, 241);
	for (size_t n = 0; n < batches; n++) {
		for (int i = 0; i < BATCH; i++)
			objs[i] = take(sizes[i]);
		for (int i = 0; i < BATCH; i++)
			free(objs[i]);
	}
}

int main(int argc, char **argv)
{
	unsigned int threads = (unsigned int)arg_num(argc, argv, 2, 1);
	uint64_t ns;

	batches = scaled(arg_scale(argc, argv), 2000000);
	ns = run_threads(threads, work, NULL);
	put_result(ns, (double)batches * BATCH);
	return 0;
}
