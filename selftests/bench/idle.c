// SPDX-License-Identifier: MIT
/*
 * Threads that each allocate about 1 MB in small objects, free it, and then
 * idle: what they keep resident. idle SCALE [THREADS]
 */
#include "bench.h"

#define OBJS 2000
#define ROUNDS 20

static pthread_barrier_t done, leave;
static size_t rounds;

static void *burst_and_idle(void *arg)
{
	void **objs = must(malloc(OBJS * sizeof(*objs)));
	struct rng r;

	rng_seed(&r, (uintptr_t)arg);
	for (size_t n = 0; n < rounds; n++) {
		for (int i = 0; i < OBJS; i++) {
			size_t size = rnd_size_log(&r, 4, 12);

			objs[i] = memset(must(malloc(size)), 1, size);
		}
		for (int i = 0; i < OBJS; i++)
			free(objs[i]);
	}
	free(objs);
	pthread_barrier_wait(&done);
	pthread_barrier_wait(&leave);
	return NULL;
}

int main(int argc, char **argv)
{
	size_t threads = arg_num(argc, argv, 2, 256);
	static pthread_t tids[MAX_THREADS];
	uint64_t start = now_ns();

	if (threads > MAX_THREADS)
		die("idle: too many threads");
	rounds = scaled(arg_scale(argc, argv), ROUNDS);
	pthread_barrier_init(&done, NULL, (unsigned int)threads + 1);
	pthread_barrier_init(&leave, NULL, (unsigned int)threads + 1);
	for (size_t i = 0; i < threads; i++)
		if (pthread_create(&tids[i], NULL, burst_and_idle, (void *)i))
			die("bench: pthread_create");
	pthread_barrier_wait(&done);
	start = now_ns() - start;
	put("idle_rss_now", rss_kb(), "kB");
	sleep_ms(2000);
	put("idle_rss", rss_kb(), "kB");
	put_result(start, (double)(threads * rounds * OBJS));
	pthread_barrier_wait(&leave);
	for (size_t i = 0; i < threads; i++)
		pthread_join(tids[i], NULL);
	return 0;
}
