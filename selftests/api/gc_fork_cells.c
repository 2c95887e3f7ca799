// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * gc_fork_cells.c - a child of fork() can use weak references, handles, root ranges and finalizers,
 * whatever its parent's other threads did with theirs at that moment.
 */
#include <lane/lane_gc.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ksft.h"

static int stop;
static void *range[2][8];

static void finalize(void *obj, void *arg)
{
	(void)obj, (void)arg;
}

/* All that takes the lock of the roots, once. */
static void use_all(void *obj, void *roots)
{
	void *other = lane_gc_alloc_noscan(64);

	lane_gc_weak_destroy(lane_gc_weak_create(obj));
	lane_gc_handle_destroy(lane_gc_handle_create(obj));
	lane_gc_add_roots(roots, sizeof(range[0]));
	lane_gc_remove_roots(roots);
	lane_gc_set_finalizer(other, finalize, NULL);
}

static void *churn(void *obj)
{
	static unsigned int number;
	void *roots = range[__atomic_fetch_add(&number, 1, __ATOMIC_RELAXED)];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		use_all(obj, roots);
	return NULL;
}

int main(void)
{
	unsigned int forks = ksft_quick() ? 100 : 400, good = 0;
	static void *childs[8];
	pthread_t threads[2];
	void *obj;

	ksft_print_header();
	ksft_set_plan(1);
	if (lane_gc_init(NULL) || lane_gc_attach())
		return KSFT_FAIL;
	obj = lane_gc_alloc_noscan(64);
	for (int i = 0; i < 2; i++)
		lane_gc_pthread_create(&threads[i], NULL, churn, obj);
	for (unsigned int i = 0; i < forks && good == i; i++) {
		int status;
		pid_t child = fork();

		if (!child) {
			alarm(20); /* one that waits for a lock that nobody holds ends by it */
			use_all(obj, childs);
			_exit(0);
		}
		good += waitpid(child, &status, 0) == child && !status;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ksft_test_result(good == forks,
			 "%u of %u children used weak references, handles, roots, finalizers", good,
			 forks);
	ksft_finished();
}
