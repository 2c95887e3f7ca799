// SPDX-License-Identifier: MIT
/*
 * A constructor that runs before Lane's calls lane_gc_init(), and LANE_CONF asks for lock mode:
 * stores shade all the same while marking runs.
 */
#include "unit.h"

#include <lane/lane_gc.h>

#include "gc.h"
#include "lanes.h"
#include "slow_path.h"
#include "topology.h"

static _Atomic uint32_t barrier_seen;

static void trace(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	(void)obj, (void)size, (void)tracer;
	atomic_store(&barrier_seen, READ_ONCE(gc.barrier));
}

/* As lane_constructor() does. */
static void ask_for_lock_mode(void)
{
	conf.mode = CONF_MODE_LOCK;
	topology_ask();
	slow_enter_always();
	topology_refine();
	slow_exit();
}

int main(void)
{
	struct lane_gc_layout l = {.sz = sizeof(l), .name = "traced", .size = 64, .trace = trace};
	const struct lane_gc_type *type;
	static void *root;

	ksft_print_header();
	if (lanes_locked())
		ksft_exit_skip("in lock mode from the start");
	ksft_set_plan(1);
	if (lane_gc_init(NULL) || lane_gc_attach() || lane_gc_type_create(&l, &type))
		ksft_exit_fail_msg("no collected heap");
	ask_for_lock_mode();
	lane_gc_add_roots(&root, sizeof(root));
	lane_gc_write(&root, lane_gc_alloc(type));
	ksft_test_result(lanes_locked() && !lane_gc_collect() && atomic_load(&barrier_seen),
			 "lock mode from after the collector's start on: stores shade");
	ksft_finished();
}
