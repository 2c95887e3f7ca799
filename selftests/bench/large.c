// SPDX-License-Identifier: MIT
/*
 * Objects of 64 KiB to 4 MiB, 32 alive a thread, a random one replaced each
 * time; every page is written to. large SCALE [THREADS]
 */
#include "bench.h"

#define LIVE 32

static size_t steps;

static void work(unsigned int id, void *arg)
{
	char *objs[LIVE] = {NULL};
	struct rng r;

	(void)arg;
	rng_seed(&r, id);
	for (size_t n = 0; n < steps; n++) {
		size_t size = rnd_size_log(&r, 16, 22), at = rnd_below(&r, LIVE);

		free(objs[at]);
		objs[at] = take(size);
	}
	for (int i = 0; i < LIVE; i++)
		free(objs[i]);
}

int main(int argc, char **argv)
{
	unsigned int threads = (unsigned int)arg_num(argc, argv, 2, 1);
	uint64_t ns;

	steps = scaled(arg_scale(argc, argv), 60000) / threads;
	ns = run_threads(threads, work, NULL);
	put("steady_rss", rss_kb(), "kB");
	put_result(ns, (double)steps * threads);
	return 0;
}
