/* SPDX-License-Identifier: MIT */
/*
 * inject.h - test points armed one at a time, and a reader that takes
 * snapshots all along, so that blocks are rolled and flows are read.
 */
#ifndef LANE_RSEQ_INJECT_TEST_H
#define LANE_RSEQ_INJECT_TEST_H

#include "load.h"

#include <lane/lane_prof.h>

#include "rseq_ops.h"

#define MAX_POINTS 11
#define PROF_RATE 16384

struct section {
	const char *name;
	unsigned int points;
};

static const struct section sections[NR_SECTIONS] = {
	[SECTION_POP] = {"pop", 8},	 [SECTION_PUSH] = {"push", 9},
	[SECTION_ROLL] = {"roll", 10},	 [SECTION_REFILL] = {"refill", 11},
	[SECTION_FLUSH] = {"flush", 11}, [SECTION_ARM] = {"arm", 11},
};

/* The reader: one thread, which also does what sections are to be disturbed by. */

static _Atomic bool reader_stop;
static _Atomic uint64_t reader_snapshots, reader_broken, reader_drains;
static _Atomic bool reader_drain;
static pthread_t reader_thread;
/* Held by the reader while it reads or drains, and by who wants all quiet. */
static pthread_mutex_t reader_turn = PTHREAD_MUTEX_INITIALIZER;

static void *read_all_along(void *arg)
{
	static struct snap snap;

	(void)arg;
	while (!atomic_load(&reader_stop)) {
		pthread_mutex_lock(&reader_turn);
		if (snap_read(&snap) || !snap_good(&snap))
			atomic_fetch_add(&reader_broken, 1);
		atomic_fetch_add(&reader_snapshots, 1);
		if (atomic_exchange(&reader_drain, false)) {
			lane_release(SIZE_MAX);
			atomic_fetch_add(&reader_drains, 1);
		}
		pthread_mutex_unlock(&reader_turn);
		nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
	}
	return NULL;
}

static inline void reader_start(void)
{
	start_thread(&reader_thread, read_all_along, NULL);
}

static inline void reader_join(void)
{
	atomic_store(&reader_stop, true);
	pthread_join(reader_thread, NULL);
}

/* Nobody allocates, reads or drains: compare, then all go on. */
static inline bool check_all(void)
{
	bool right;

	pthread_mutex_lock(&reader_turn);
	right = load_check();
	pthread_mutex_unlock(&reader_turn);
	return right;
}

/*
 * Wait until *@count has reached @value. Not for ever: the reader frees what a
 * signal handler left to be freed, and may so come to the armed point itself.
 */
static inline void await(_Atomic uint64_t *count, uint64_t value)
{
	double end = ksft_now() + 0.02;

	while (atomic_load(count) < value && ksft_now() < end)
		sched_yield();
}

/* A snapshot from beginning to end. */
static inline void await_snapshot(void)
{
	await(&reader_snapshots, atomic_load(&reader_snapshots) + 2);
}

/* All lanes stopped, drained and started. */
static inline void await_drain(void)
{
	uint64_t after = atomic_load(&reader_drains) + 1;

	atomic_store(&reader_drain, true);
	await(&reader_drains, after);
}

/* With the heap profile on, so that pops overflow and blocks are armed again and again. */
static inline void need_rseq(void)
{
	lane_free(lane_malloc(1));
	if (lane_prof_set_rate(PROF_RATE))
		ksft_exit_fail_msg("the profile cannot be switched on");
	if (lanes_locked())
		ksft_exit_skip("no restartable sequences in this mode");
	/* Counted so far: one of each. */
	load_mallocs = 1;
	load_frees = 1;
}

#endif /* LANE_RSEQ_INJECT_TEST_H */
