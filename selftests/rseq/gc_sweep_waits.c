// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * The collector waits for who sweeps the last span, and has lost its CPU: it sleeps, so that one
 * of lower priority gets to run. If it only yielded, it would, at a real-time priority, wait for
 * ever.
 */
#include "../gc/nodes.h"

#include "gc_inject.h"
#include "gc_span.h"

#define HOLD_MS 400
#define YIELDS_MOST 100
#define SECONDS 60 /* until a test gives up */

static _Atomic bool turned, held, let_go;
static __thread bool allocates;

static void hold(enum gc_point point)
{
	double end = ksft_now() + SECONDS;

	/* The collector leaves all spans to who allocates. */
	if (point == AT_SWEEP && !allocates && !atomic_load(&held)) {
		atomic_store(&turned, true);
		while (!atomic_load(&held) && ksft_now() < end)
			usleep(200);
	}
	if (point == AT_GATHERED && allocates && !atomic_exchange(&held, true))
		while (!atomic_load(&let_go) && ksft_now() < end)
			usleep(200);
}

static void *collect(void *arg)
{
	return (void *)(intptr_t)(lane_gc_collect() ? 1 : (intptr_t)arg);
}

static void *allocate(void *arg)
{
	allocates = true;
	while (!atomic_load(&held))
		gc_garbage(256);
	return arg;
}

static _Atomic int yields;

/* In place of the C library's; on the way to a sleep there are some. */
int sched_yield(void)
{
	atomic_fetch_add(&yields, 1);
	return 0;
}

int main(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	pthread_t collector, allocator;
	int before;

	ksft_print_header();
	ksft_set_plan(2);
	gc_begin(&o);
	for (int i = 0; i < 1000; i++)
		gc_garbage(256);
	gc_test.at = hold;
	start_thread(&collector, collect, NULL);
	while (!atomic_load(&turned))
		usleep(200);
	gc_thread(&allocator, allocate, NULL);
	while (!atomic_load(&held))
		usleep(200);
	usleep(100000); /* all others are swept */
	before = atomic_load(&yields);
	usleep(HOLD_MS * 1000);
	before = atomic_load(&yields) - before;
	ksft_test_result(gc_unswept_bytes(), "one span is not swept yet");
	atomic_store(&let_go, true);
	pthread_join(allocator, NULL);
	pthread_join(collector, NULL);
	gc_test.at = NULL;
	ksft_test_result(before < YIELDS_MOST, "it is waited for in sleep: %d yields", before);
	ksft_finished();
}
