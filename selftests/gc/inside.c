// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Calls from inside a collection. A trace callback that asks for one is told that this cannot
 * be, and the cycle that it is part of ends; a finalizer may collect, allocate and store.
 */
#include "nodes.h"

#include <errno.h>

static _Atomic uint64_t traced, refused, other;
static _Atomic int finalized = -1;
static _Atomic uint64_t cycles_before, cycles_after;
static void *root[4];

static void trace(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	(void)size;
	atomic_fetch_add(&traced, 1);
	atomic_fetch_add(lane_gc_collect() == -EDEADLK ? &refused : &other, 1);
	lane_gc_trace(tracer, obj);
}

static void collect_inside(void *obj, void *arg)
{
	void **kept = lane_gc_alloc_conservative(64);

	(void)arg;
	lane_gc_write(&kept[1], obj);
	lane_gc_write(&root[2], kept);
	atomic_store(&cycles_before, gc_stats().cycles);
	atomic_store(&finalized, lane_gc_collect());
	atomic_store(&cycles_after, gc_stats().cycles);
}

static __attribute__((noinline)) bool lose_one(void)
{
	uint64_t *p = lane_gc_alloc_conservative(100);

	p[5] = 4711;
	return lane_gc_set_finalizer(p, collect_inside, NULL) == 0;
}

int main(int argc, char **argv)
{
	struct lane_gc_layout l = {.sz = sizeof(l), .name = "traced", .size = 64, .trace = trace};
	const struct lane_gc_type *type;
	double end;
	uint64_t cycles;

	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(6);
	gc_begin_small();
	ksft_test_result(lane_gc_type_create(&l, &type) == 0 &&
				 lane_gc_add_roots(root, sizeof(root)) == 0,
			 "a type with a callback");
	for (int i = 0; i < 1000; i++) {
		void **p = lane_gc_alloc(type);

		lane_gc_write(p, root[0]);
		lane_gc_write(&root[0], p);
	}
	cycles = gc_stats().cycles;
	ksft_test_result(lane_gc_collect() == 0 && gc_stats().cycles > cycles,
			 "a collection ends though its callbacks ask for one");
	ksft_test_result(atomic_load(&traced) >= 1000 && atomic_load(&refused) &&
				 !atomic_load(&other),
			 "each of %llu callbacks was told EDEADLK",
			 (unsigned long long)atomic_load(&traced));
	/* Without callbacks from here on, and more than once: words that look like references pass.
	 */
	root[0] = NULL;
	if (!lose_one())
		ksft_exit_fail_msg("a finalizer");
	end = ksft_now() + 20;
	while (atomic_load(&finalized) < 0 && ksft_now() < end) {
		gc_wipe_stack();
		lane_gc_collect();
		usleep(1000);
	}
	ksft_test_result(atomic_load(&finalized) == 0 &&
				 atomic_load(&cycles_after) > atomic_load(&cycles_before),
			 "a finalizer collects");
	ksft_test_result(root[2] && ((uint64_t **)root[2])[1][5] == 4711,
			 "and what it allocated and stored, its object too, is whole");
	ksft_test_result(lane_gc_verify() == 0, "the verifier finds no fault");
	ksft_finished();
}
