// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * lane_gc_free() between the end of marking and the sweep: what lives is freed, large or small;
 * what was found dead is no object any more, and sweeping frees it once. The collector is held
 * before its first span meanwhile; then with each of its small spans in turn, when it knows the
 * marks.
 */
#include "../gc/nodes.h"

#include "gc_inject.h"

#define SECONDS 60 /* until a test gives up */
#define LARGE MIB(2)

static enum gc_point where;
static _Atomic int to_pass; /* spans, before the collector is held; below 0: it was */
static _Atomic bool held, let_go;
static __thread bool is_main;

static void hold(enum gc_point point)
{
	double end = ksft_now() + SECONDS;

	if (point != where || is_main || atomic_fetch_sub(&to_pass, 1))
		return;
	atomic_store(&held, true);
	while (!atomic_load(&let_go) && ksft_now() < end)
		usleep(200);
}

static void *collect(void *arg)
{
	lane_gc_collect();
	atomic_store((_Atomic bool *)arg, true);
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

struct result {
	bool held, large_is_freed, small_is_freed, dead_is_none, once;
	unsigned long long freed;
};

/* The collector is held at @point of its span @n. */
static struct result round_of(enum gc_point point, int n)
{
	struct lane_gc_handle *keep[2];
	struct lane_gc_stats before, after;
	struct result r = {0};
	_Atomic bool ended = false;
	pthread_t t;

	make();
	keep[0] = lane_gc_handle_create((void *)~small);
	keep[1] = lane_gc_handle_create((void *)~large);
	gc_wipe_stack();
	before = gc_stats();
	where = point;
	atomic_store(&held, false);
	atomic_store(&let_go, false);
	atomic_store(&to_pass, n);
	gc_test.at = hold;
	start_thread(&t, collect, &ended);
	while (!atomic_load(&held) && !atomic_load(&ended))
		usleep(200);
	r.held = atomic_load(&held);
	lane_gc_handle_destroy(keep[0]);
	lane_gc_handle_destroy(keep[1]);
	if (r.held) {
		r.large_is_freed = !free_it(large) && !is_there(large);
		r.small_is_freed = !free_it(small);
#ifdef LANE_DEBUG
		r.dead_is_none = true; /* such a build would die of it */
#else
		r.dead_is_none = free_it(dead) == -EINVAL;
#endif
	}
	atomic_store(&let_go, true);
	pthread_join(t, NULL);
	gc_test.at = NULL;
	after = gc_stats();
	r.freed = after.freed_objects - before.freed_objects;
	r.once = r.freed == 3 && after.live_objects == before.live_objects - 3;
	return r;
}

int main(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	bool large_freed = true, small_freed = true, dead_none = true, once = true;
	struct result r;
	int n;

	ksft_print_header();
	ksft_set_plan(10);
	is_main = true;
	gc_begin(&o);
	r = round_of(AT_SWEEP, 0);
	ksft_test_result(r.large_is_freed, "a large object that lives is freed");
	ksft_test_result(r.small_is_freed, "a small one, too");
	ksft_test_result(r.dead_is_none, "one that was found dead is no object");
	ksft_test_result(r.once, "each is freed once: %llu of 3", r.freed);
	for (n = 0; (r = round_of(AT_GATHERED, n)).held; n++) {
		large_freed = large_freed && r.large_is_freed;
		small_freed = small_freed && r.small_is_freed;
		dead_none = dead_none && r.dead_is_none;
		once = once && r.once;
	}
	ksft_test_result(n, "the collector was held with each of %d small spans", n);
	ksft_test_result(large_freed, "then, too, a large object that lives is freed");
	ksft_test_result(small_freed, "and a small one");
	ksft_test_result(dead_none, "what was found dead is no object");
	ksft_test_result(once, "each is freed once");
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
	ksft_finished();
}
