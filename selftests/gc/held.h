/* SPDX-License-Identifier: MIT */
/*
 * held.h - a cycle that stays in its marking for as long as a test wants.
 *
 * A thread that holds back the collector's signal does not show its stack, and no cycle
 * ends without. It was attached first, so it is asked first: the stacks of those that
 * came later are scanned after the cycle is let go.
 */
#ifndef LANE_GC_HELD_H
#define LANE_GC_HELD_H

#include "nodes.h"

static struct {
	_Atomic bool ready, hold, end;
	pthread_t holder, collector;
} held;

static inline void *held_holder(void *arg)
{
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 6);
	if (lane_gc_attach())
		ksft_exit_fail_msg("the holder is not attached");
	atomic_store(&held.ready, true);
	while (!atomic_load(&held.end)) {
		if (atomic_load(&held.hold)) {
			pthread_sigmask(SIG_BLOCK, &set, NULL);
			atomic_store(&held.ready, true);
			while (atomic_load(&held.hold))
				usleep(200);
			pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		}
		usleep(200);
	}
	return NULL;
}

static inline void *held_collect(void *arg)
{
	(void)arg;
	lane_gc_collect();
	return NULL;
}

/* Instead of gc_begin(): the caller is attached behind the holder. */
static inline void held_begin(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};

	if (lane_gc_init(&o))
		ksft_exit_fail_msg("lane_gc_init");
	start_thread(&held.holder, held_holder, NULL);
	while (!atomic_load(&held.ready))
		usleep(100);
	if (lane_gc_attach())
		ksft_exit_fail_msg("lane_gc_attach");
}

/* On return a cycle is marking, has looked at the roots, and waits for the holder's stack. */
static inline void held_mark(void)
{
	atomic_store(&held.ready, false);
	atomic_store(&held.hold, true);
	while (!atomic_load(&held.ready))
		usleep(100);
	start_thread(&held.collector, held_collect, NULL);
	while (gc_stats().phase != 1)
		usleep(100);
	usleep(20000);
}

/* Let it go, and wait for its end. */
static inline void held_finish(void)
{
	atomic_store(&held.hold, false);
	pthread_join(held.collector, NULL);
}

static inline void held_end(void)
{
	atomic_store(&held.end, true);
	pthread_join(held.holder, NULL);
}

#endif
