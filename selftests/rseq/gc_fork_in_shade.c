// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * A store that shades puts a reference into a queue, whose lock markers take in a slow path. No
 * handler comes in between that forks: it would wait for a marker, and that for the lock.
 */
#include "../gc/nodes.h"

#include <signal.h>

#include "../gc/hold_marking.h"
#include "gc_inject.h"
#include "threads.h"

#define SECONDS 20 /* until one that waits for ever is ended */
#define OBJECTS 100
#define MASK (~(uintptr_t)0) /* over a reference that is to be none */

static struct gc_thread *storing;
static uintptr_t hidden[OBJECTS];
static void *root;
static pid_t pid = -1;

static void raise_there(enum gc_point point)
{
	if (point != AT_QUEUE || gc_self != storing || pid >= 0)
		return;
	raise(SIGUSR1);
	usleep(200000); /* a marker comes and waits, if it does */
}

static void on_signal(int sig)
{
	(void)sig;
	usleep(200000);
	pid = fork();
}

static void *collect(void *arg)
{
	return (void *)(intptr_t)(lane_gc_collect() ? 1 : (intptr_t)arg);
}

static __attribute__((noinline)) void make_hidden(void)
{
	for (int i = 0; i < OBJECTS; i++)
		hidden[i] = (uintptr_t)lane_gc_alloc_conservative(64) ^ MASK;
}

/* The first that no marker has found is shaded. */
static __attribute__((noinline)) void store_hidden(void)
{
	for (int i = 0; i < OBJECTS && pid < 0; i++)
		lane_gc_write(&root, (void *)(hidden[i] ^ MASK));
}

static int fork_in_shade(void *unused)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	pthread_t holder, collector;
	void *bad = NULL;
	int status = -1;

	(void)unused;
	signal(SIGUSR1, on_signal);
	gc_begin(&o);
	if (lane_gc_add_roots(&root, sizeof(root)))
		return 2;
	make_hidden();
	gc_wipe_stack();
	marking_hold(&holder);
	start_thread(&collector, collect, NULL);
	while (!READ_ONCE(gc.flipped))
		usleep(200);
	usleep(200000); /* the markers have nothing to do, and look for more */
	storing = gc_self;
	gc_test.at = raise_there;
	store_hidden();
	if (!pid) {
		alarm(SECONDS);
		_exit(lane_gc_collect() || lane_gc_verify());
	}
	if (pid < 0)
		return 3;
	if (waitpid(pid, &status, 0) != pid)
		return 4;
	marking_let_go();
	pthread_join(holder, NULL);
	pthread_join(collector, &bad);
	return status || bad;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(1);
	ksft_test_result(in_child(fork_in_shade, NULL, SECONDS) == 0,
			 "a handler that comes while a store shades forks");
	ksft_finished();
}
