// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * Cancellation. None of Lane's functions is a place where a thread is cancelled: each returns
 * with the request pending, also where it has to wait for others, so no lock is lost. A thread
 * that computes may be cancelled asynchronously between its allocations.
 */
#include "hard.h"
#include "../api/serve.h"

#include <lane/lane_prof.h>

static _Atomic bool stop;
static _Atomic int passed;
static char dump[128];

static void call_all(void)
{
	static const char *const files[] = {"heapinfo", "cpuinfo",  "all",	  "metrics",
					    "conf",	"nodeinfo", "heapprofile"};
	static _Thread_local struct lane_stats st;
	char *text = malloc(100000);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		lane_proc_read(files[i], text, 100000);
	st = (struct lane_stats){.sz = sizeof(st)};
	lane_stats_read(&st);
	lane_stats_walk(&st);
	lane_metrics_write(text, 100000);
	lane_conf_write("release_delay_ms 1000\n", 22);
	lane_release(SIZE_MAX);
	malloc_trim(0);
	mallopt(M_MMAP_THRESHOLD, 1);
	mallinfo2();
	lane_prof_set_rate(2048);
	lane_prof_dump(dump);
	lane_serve_start();
	lane_serve_stop();
	text = opaque(realloc(text, opaque_size(MIB(2))));
	put(text);
	put(opaque(calloc(3, 1000)));
	put(opaque(memalign(4096, 40000)));
}

/* The request comes before the calls, and is answered behind them. */
static void *with_request(void *arg)
{
	pthread_cancel(pthread_self());
	call_all();
	atomic_fetch_add(&passed, 1);
	pthread_testcancel();
	return arg;
}

static void *calls(void *arg)
{
	while (!atomic_load(&stop))
		call_all();
	return arg;
}

static int none_is_cancelled(void *arg)
{
	int rounds = ksft_quick() ? 10 : 30, good = 0;
	pthread_t t[3], other;
	void *ret;

	alarm(2 * PATIENCE);
	start_thread(&other, calls, NULL);
	for (int i = 0; i < rounds; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(t); j++)
			start_thread(&t[j], with_request, NULL);
		for (size_t j = 0; j < ARRAY_SIZE(t); j++) {
			pthread_join(t[j], &ret);
			good += ret == PTHREAD_CANCELED;
		}
	}
	atomic_store(&stop, true);
	pthread_join(other, NULL);
	ksft_print_msg("%d threads, %d got behind all calls, %d were cancelled", 3 * rounds, passed,
		       good);
	return good != 3 * rounds || passed != good || !books_are_exact() || arg;
}

/* Asynchronously, but only where nothing is called. */
static void *compute(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	struct held h = {0};

	for (;;) {
		int old;

		for (int i = 0; i < 20; i++)
			held_change(&h, &rng);
		held_free(&h);
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
		for (volatile int i = 0; i < 20000; i++)
			;
		pthread_setcanceltype(old, &old);
	}
	return NULL;
}

static int asynchronously(void *arg)
{
	int rounds = ksft_quick() ? 30 : 100;
	uint64_t rng = 3;
	pthread_t t[4];
	void *ret;

	alarm(2 * PATIENCE);
	for (int i = 0; i < rounds; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(t); j++)
			start_thread(&t[j], compute, (void *)(uintptr_t)(ksft_random(&rng) | 1));
		usleep((useconds_t)(ksft_random(&rng) % 2000));
		for (size_t j = 0; j < ARRAY_SIZE(t); j++)
			pthread_cancel(t[j]);
		for (size_t j = 0; j < ARRAY_SIZE(t); j++) {
			pthread_join(t[j], &ret);
			if (ret != PTHREAD_CANCELED)
				return 1;
		}
	}
	return !books_are_exact() || arg;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(2);
	serve_prepare();
	snprintf(dump, sizeof(dump), "%s/dump.txt", serve_root);
	ksft_test_result(in_child(none_is_cancelled, NULL, 3 * PATIENCE) == 0,
			 "no call of Lane's is a point of cancellation");
	ksft_test_result(in_child(asynchronously, NULL, 3 * PATIENCE) == 0,
			 "threads are cancelled asynchronously between allocations");
	serve_clean();
	ksft_finished();
}
