// SPDX-License-Identifier: MIT
/*
 * Allocate 100,000 objects of one size, free all, again: more than a cache
 * holds. Freed in the order of allocation and backwards by turns.
 * longbatch SCALE [THREADS [SIZE]]
 */
#include "bench.h"

#define BATCH 100000

static size_t rounds, size;

static void work(unsigned int id, void *arg)
{
	void **objs = must(malloc(BATCH * sizeof(*objs)));

	(void)id;
	(void)arg;
	for (size_t n = 0; n < rounds; n++) {
		for (size_t i = 0; i < BATCH; i++)
			objs[i] = take(size);
		if (n & 1)
			for (size_t i = BATCH; i-- > 0;)
				free(objs[i]);
		else
			for (size_t i = 0; i < BATCH; i++)
				free(objs[i]);
	}
	free(objs);
}

int main(int argc, char **argv)
{
	unsigned int threads = (unsigned int)arg_num(argc, argv, 2, 1);
	uint64_t ns;

	rounds = scaled(arg_scale(argc, argv), 800);
	size = arg_num(argc, argv, 3, 64);
	ns = run_threads(threads, work, NULL);
	put_result(ns, (double)rounds * BATCH);
	return 0;
}
