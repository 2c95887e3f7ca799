// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Each cycle looks at all objects that have a finalizer. However many there are, who makes a handle
 * meanwhile, or forks, does not wait for that. And a child that is forked has them all.
 */
#include "../gc/nodes.h"

#include <sys/wait.h>

#include "gc_inject.h"
#include "roots_lock.h"
#include "slow_path.h"

#define OBJECTS 400000u
#define LEAST 100 /* pieces */

static void *all; /* a root range */
static _Atomic uint64_t pieces, locked, finalized;
static _Atomic bool stop;

static void count(void *obj, void *arg)
{
	(void)obj, (void)arg;
	atomic_fetch_add(&finalized, 1);
}

static void note(enum gc_point point)
{
	if (point != AT_PIECE)
		return;
	atomic_fetch_add(&pieces, 1);
	atomic_fetch_add(&locked, !may_have_lock() || slow_interrupted());
}

static void make_objects(void)
{
	void **p = lane_gc_alloc_conservative(OBJECTS * sizeof(void *));

	if (!p)
		ksft_exit_fail_msg("no memory");
	lane_gc_write(&all, p);
	for (size_t i = 0; i < OBJECTS; i++) {
		lane_gc_write(&p[i], lane_gc_alloc_noscan(16));
		if (lane_gc_set_finalizer(p[i], count, NULL))
			ksft_exit_fail_msg("no finalizer");
	}
}

static void *collect(void *arg)
{
	while (!atomic_load(&stop))
		lane_gc_collect();
	return arg;
}

/* Each has its finalizer in the child of a fork beside cycles. */
static void test_fork(void)
{
	int status = -1;
	pthread_t t;
	pid_t pid;

	atomic_store(&stop, false);
	start_thread(&t, collect, NULL);
	usleep(30000);
	pid = fork();
	if (!pid) {
		void **p = all;
		bool right = true;

		alarm(60);
		for (size_t i = 0; i < OBJECTS; i++)
			right &= lane_gc_set_finalizer(p[i], count, NULL) == -EEXIST;
		_exit(!right || lane_gc_collect() || atomic_load(&finalized));
	}
	waitpid(pid, &status, 0);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	ksft_test_result(pid > 0 && !status, "the child of a fork beside that has them");
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};

	(void)argc;
	gc_conf(argv, "gc_check:false");
	ksft_print_header();
	ksft_set_plan(3);
	gc_begin(&o);
	lane_gc_add_roots(&all, sizeof(all));
	make_objects();
	gc_test.at = note;
	lane_gc_collect();
	gc_test.at = NULL;
	ksft_test_result(
		atomic_load(&pieces) >= LEAST && !atomic_load(&locked),
		"a cycle looks at %llu pieces, between which others have the lock, and fork",
		(unsigned long long)atomic_load(&pieces));
	test_fork();
	ksft_test_result(!atomic_load(&finalized) && !lane_gc_verify(), "none was called");
	ksft_finished();
}
