// SPDX-License-Identifier: MIT
/*
 * A thread that is asked for its stack, and has the signal blocked, ends or detaches: it does, and
 * the cycle goes on without it.
 */
#include "nodes.h"

#include <semaphore.h>
#include <signal.h>

#define SECONDS 20 /* until one that waits for ever is ended */

static sem_t ready, end;

static void *blocks(void *detaches)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	if (lane_gc_attach())
		return &end;
	sem_post(&ready);
	sem_wait(&end);
	return detaches && (lane_gc_detach() || lane_gc_attach() || lane_gc_detach()) ? &end : NULL;
}

static void *collect(void *arg)
{
	(void)arg;
	return lane_gc_collect() ? &end : NULL;
}

static int ends(void *detaches)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	void *bad[2] = {NULL, NULL};
	pthread_t t, collector;

	gc_begin(&o);
	start_thread(&t, blocks, detaches);
	sem_wait(&ready);
	start_thread(&collector, collect, NULL);
	while (gc_stats().phase != 1)
		usleep(200);
	usleep(100000); /* now it is asked */
	sem_post(&end);
	pthread_join(t, &bad[0]);
	pthread_join(collector, &bad[1]);
	return bad[0] || bad[1];
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(2);
	sem_init(&ready, 0, 0);
	sem_init(&end, 0, 0);
	ksft_test_result(in_child(ends, NULL, SECONDS) == 0, "a thread ends while it is asked");
	ksft_test_result(in_child(ends, &end, SECONDS) == 0,
			 "one detaches, attaches again, and ends");
	ksft_finished();
}
