// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * A library's fork handler waits for a thread that waits in malloc. It was
 * registered before any constructor ran, Lane's included; the process forks all
 * the same, as Lane shuts its door last.
 */
#include "common.h"

#define FORKS 300
#define PATIENCE 60

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool stop;
static _Atomic int prepared;

static void prepare(void)
{
	pthread_mutex_lock(&lock);
	atomic_fetch_add(&prepared, 1);
}

static void release(void)
{
	pthread_mutex_unlock(&lock);
}

static void register_early(void)
{
	pthread_atfork(prepare, release, release);
}

__attribute__((section(".preinit_array"), used)) static void (*const early)(void) = register_early;

/* Large objects: each takes the slow path, and so the door. */
static void *allocate(void *arg)
{
	while (!atomic_load(&stop)) {
		pthread_mutex_lock(&lock);
		for (int i = 0; i < 20; i++)
			put(get(KIB(100)));
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static int nothing(void *arg)
{
	put(get(KIB(100)));
	return arg != NULL;
}

static int fork_often(void *arg)
{
	pthread_t t;
	int bad = 0;

	start_thread(&t, allocate, NULL);
	for (int i = 0; i < FORKS && !bad; i++)
		bad = in_child(nothing, arg, PATIENCE);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	return bad != 0 || atomic_load(&prepared) < FORKS;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(1);
	ksft_test_result(in_child(fork_often, NULL, PATIENCE) == 0,
			 "%d forks while a handler waits for a thread in malloc", FORKS);
	ksft_finished();
}
