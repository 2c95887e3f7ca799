/* SPDX-License-Identifier: MIT */
/*
 * hold_sweeping.h - a heap of spans that are all full, of which the collector sweeps none: it is
 * held before the first. What the test's thread allocates sweeps them.
 */
#ifndef LANE_HOLD_SWEEPING_H
#define LANE_HOLD_SWEEPING_H

#include "../gc/nodes.h"

#include "gc_inject.h"
#include "gc_span.h"

#define OBJECTS 400000	/* that live: thousands of spans */
#define HOLD_SECONDS 60 /* until the collector goes on all the same */

static struct node *list;
static _Atomic bool held, let_go;
static __thread bool is_main;
static pthread_t collector;

/* To be called at each point. */
static void hold_sweeping(enum gc_point point)
{
	double end = ksft_now() + HOLD_SECONDS;

	if (point != AT_SWEEP || is_main)
		return;
	atomic_store(&held, true);
	while (!atomic_load(&let_go) && ksft_now() < end)
		usleep(200);
}

static void *collect(void *arg)
{
	(void)arg;
	lane_gc_collect();
	return NULL;
}

/* Returns when it is held; @at is called at each point. */
static void begin_sweeping(void (*at)(enum gc_point point))
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};

	is_main = true;
	gc_begin(&o);
	node_make_types();
	lane_gc_add_roots(&list, sizeof(list));
	for (int i = 0; i < OBJECTS; i++) {
		struct node *node = node_make(NODE_TYPED, 1, 1);

		node_set(node, 0, list);
		lane_gc_write(&list, node);
	}
	gc_test.at = at;
	start_thread(&collector, collect, NULL);
	while (!atomic_load(&held))
		usleep(200);
}

static void end_sweeping(void)
{
	atomic_store(&let_go, true);
	pthread_join(collector, NULL);
	gc_test.at = NULL;
}

#endif
