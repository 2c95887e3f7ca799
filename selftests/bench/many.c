// SPDX-License-Identifier: MIT
/*
 * Many more threads than CPUs, each in bursts: it takes some hundred objects,
 * lets others run, frees most of them and keeps a few for later rounds.
 * many SCALE [THREADS]
 */
#include "bench.h"
#include <sched.h>

#define BURST 400
#define KEPT 200

static size_t rounds;

static void work(unsigned int id, void *arg)
{
	void *kept[KEPT] = {NULL}, *burst[BURST];
	struct rng r;

	(void)arg;
	rng_seed(&r, id);
	for (size_t n = 0; n < rounds; n++) {
		for (int i = 0; i < BURST; i++)
			burst[i] = take(rnd_size_log(&r, 4, 12));
		sched_yield();
		for (int i = 0; i < BURST; i++) {
			uint32_t at = rnd_below(&r, KEPT * 10);
			void *gone = burst[i];

			if (at < KEPT) {
				gone = kept[at];
				kept[at] = burst[i];
			}
			free(gone);
		}
	}
	for (int i = 0; i < KEPT; i++)
		free(kept[i]);
}

int main(int argc, char **argv)
{
	unsigned int threads = (unsigned int)arg_num(argc, argv, 2, 64);
	uint64_t ns;

	rounds = scaled(arg_scale(argc, argv), 120000) / threads;
	ns = run_threads(threads, work, NULL);
	put("steady_rss", rss_kb(), "kB");
	put_result(ns, (double)rounds * threads * BURST);
	return 0;
}
