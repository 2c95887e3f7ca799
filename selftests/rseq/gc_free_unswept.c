// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * lane_gc_free() between the end of marking and the sweep: what lives is freed, large or small;
 * what was found dead is no object any more, and sweeping frees it once. The collector is held
 * before its first span meanwhile.
 */
#include "../gc/nodes.h"

#include "gc_inject.h"

#define SECONDS 60 /* until a test gives up */
#define LARGE MIB(2)

static _Atomic bool held, let_go;
static __thread bool is_main;

static void hold(enum gc_point point)
{
	double end = ksft_now() + SECONDS;

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

/* Addresses that no stack shows. */
static uintptr_t dead, small, large;

static __attribute__((noinline)) void make(void)
{
	dead = ~(uintptr_t)lane_gc_alloc_conservative(64);
	small = ~(uintptr_t)lane_gc_alloc_conservative(64);
	large = ~(uintptr_t)lane_gc_alloc_conservative(LARGE);
}

static __attribute__((noinline)) bool is_there(uintptr_t hidden)
{
	return lane_gc_base((void *)~hidden) == (void *)~hidden;
}

static __attribute__((noinline)) int free_it(uintptr_t hidden)
{
	return lane_gc_free((void *)~hidden);
}

int main(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	struct lane_gc_handle *keep[2];
	struct lane_gc_stats before, after;
	int large_result, small_result, dead_result;
	pthread_t t;

	ksft_print_header();
	ksft_set_plan(5);
	is_main = true;
	gc_begin(&o);
	make();
	keep[0] = lane_gc_handle_create((void *)~small);
	keep[1] = lane_gc_handle_create((void *)~large);
	gc_wipe_stack();
	before = gc_stats();
	gc_test.at = hold;
	start_thread(&t, collect, NULL);
	while (!atomic_load(&held))
		usleep(200);
	lane_gc_handle_destroy(keep[0]);
	lane_gc_handle_destroy(keep[1]);
	large_result = free_it(large);
	small_result = free_it(small);
#ifdef LANE_DEBUG
	dead_result = -EINVAL; /* such a build would die of it */
#else
	dead_result = free_it(dead);
#endif
	ksft_test_result(!large_result && !is_there(large), "a large object that lives is freed");
	ksft_test_result(!small_result, "a small one, too");
	ksft_test_result(dead_result == -EINVAL, "one that was found dead is no object");
	atomic_store(&let_go, true);
	pthread_join(t, NULL);
	gc_test.at = NULL;
	after = gc_stats();
	ksft_test_result(after.freed_objects == before.freed_objects + 3 &&
				 after.live_objects == before.live_objects - 3,
			 "each is freed once: %llu of 3",
			 (unsigned long long)(after.freed_objects - before.freed_objects));
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
	ksft_finished();
}
