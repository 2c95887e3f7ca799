// SPDX-License-Identifier: MIT
/*
 * Threads that come and go, four at a time. Each takes some hundred objects
 * and leaves one in ten behind in a shared table, to be freed by a later
 * thread. churn SCALE
 */
#include "bench.h"

#define AT_A_TIME 4
#define OBJS 300
#define TABLE 20000

static _Atomic(void *) table[TABLE];

static void *visit(void *arg)
{
	void *objs[OBJS];
	struct rng r;

	rng_seed(&r, (uintptr_t)arg);
	for (int i = 0; i < OBJS; i++)
		objs[i] = take(rnd_size_log(&r, 4, 11));
	for (int i = 0; i < OBJS; i++) {
		if (i % 10 == 0)
			objs[i] = atomic_exchange(&table[rnd_below(&r, TABLE)], objs[i]);
		free(objs[i]);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	size_t visits = scaled(arg_scale(argc, argv), 60000);
	pthread_t threads[AT_A_TIME];
	uint64_t start = now_ns();

	for (size_t n = 0; n < visits + AT_A_TIME; n++) {
		if (n >= AT_A_TIME)
			pthread_join(threads[n % AT_A_TIME], NULL);
		if (n < visits && pthread_create(&threads[n % AT_A_TIME], NULL, visit, (void *)n))
			die("bench: pthread_create");
	}
	start = now_ns() - start;
	put("steady_rss", rss_kb(), "kB");
	put_result(start, (double)visits);
	return 0;
}
