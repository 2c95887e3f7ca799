// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * At the end of marking, when weak references are cleared, the collector waits for stores that
 * began before. A handler may have interrupted one, and fork; a fork waits for who is in a slow
 * path, which the collector must not be then.
 */
#include "../gc/nodes.h"

#include "gc_inject.h"
#include "threads.h"

#define SECONDS 20 /* until one that waits for ever is ended */

static _Atomic bool about_to_clear, inside;

static void hold(enum gc_point point)
{
	if (point != AT_CLEAR || atomic_exchange(&about_to_clear, true))
		return;
	while (!atomic_load(&inside))
		usleep(200);
}

static void *collect(void *arg)
{
	return (void *)(intptr_t)(lane_gc_collect() ? 1 : (intptr_t)arg);
}

/* As a store does that is interrupted. */
static int fork_in_store(void *unused)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	void *bad = NULL;
	int status = -1;
	pthread_t t;
	pid_t pid;

	(void)unused;
	gc_begin(&o);
	gc_test.at = hold;
	start_thread(&t, collect, NULL);
	while (!atomic_load(&about_to_clear))
		usleep(200);
	gc_enter(gc_self);
	atomic_store(&inside, true);
	usleep(200000); /* now it waits */
	pid = fork();
	gc_exit(gc_self);
	if (!pid) {
		alarm(SECONDS);
		_exit(lane_gc_collect() ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return 2;
	pthread_join(t, &bad);
	return status || bad;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(1);
	ksft_test_result(in_child(fork_in_store, NULL, SECONDS) == 0,
			 "a fork in a store at the end of marking: it and the cycle go on");
	ksft_finished();
}
