// SPDX-License-Identifier: MIT
/*
 * gc_init.c - the beginning of the collected heap, its settings, and the child of a fork.
 *
 * fork: the child has the forking thread only. A cycle that was marking is given up
 * there: its marks are cleared, and its queues emptied. One that was sweeping goes on.
 * Where a handler has forked, in a slow path or in a store, that goes on first with what it
 * found; nobody holds a lock that it may need. Until then nobody is to wait for a cycle.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "assist.h"
#include "background.h"
#include "conf.h"
#include "cycle.h"
#include "gc_map.h"
#include "gc_span.h"
#include "gc_stat.h"
#include "heap.h"
#include "hooks.h"
#include "init.h"
#include "mark.h"
#include "queue.h"
#include "roots.h"
#include "slow_path.h"
#include "sweep.h"
#include "threads.h"
#include "worker.h"

#define DEFAULT_PERCENT 100
#define DEFAULT_MIN_HEAP (4ULL << 20)

static struct spinlock init_lock = SPINLOCK_INIT(RANK_TOPOLOGY);

/* Threads that run; init_lock, or the only thread of a fork's child. */
static struct {
	u32 workers;
	bool coordinator;
} running;

static bool stranded; /* the child of a fork in which not all of them could be started; init_lock */
static bool delayed;  /* the child of a fork in a handler, until what that interrupted has ended */

/* Those that do not run yet. The finalizers' comes last: where it runs, all do. */
static int start_threads(void)
{
	int err = 0;

	while (!err && running.workers < workers_planned()) {
		err = worker_start(running.workers);
		running.workers += !err;
	}
	if (!err && !running.coordinator) {
		err = cycle_start_thread();
		running.coordinator = !err;
	}
	if (!err)
		err = finalizers_start();
	return err;
}

static void fork_child(void);

static int conf_percent(void)
{
	return (int)min(conf.gc_percent, (u64)INT32_MAX);
}

/* Where the program came before Lane's constructor, which has read LANE_CONF now. */
static void configure(void)
{
	if (conf.gc_percent)
		lane_gc_set_percent(conf_percent());
	if (conf.gc_memory_limit)
		lane_gc_set_memory_limit(conf.gc_memory_limit);
	if (conf.gc_check)
		atomic_add_return(&gc.check, 1);
}

static int make(const struct lane_gc_options *o)
{
	int percent = o->percent ? o->percent : DEFAULT_PERCENT;
	u64 limit = o->memory_limit ? o->memory_limit : PACER_NO_LIMIT;
	int err;

	if (conf.gc_percent)
		percent = conf_percent();
	if (conf.gc_memory_limit)
		limit = conf.gc_memory_limit;
	err = collected_init();
	if (!err)
		err = gc_map_init();
	if (!err)
		err = gc_spans_init();
	if (!err)
		err = queue_init();
	if (err)
		return err;
	heap_init(percent, limit, o->min_heap ? o->min_heap : DEFAULT_MIN_HEAP);
	gc.locked = lanes_locked();
	gc.barrier = gc.locked;
	gc.check = conf.gc_check;
	hooks.put = gc_put;
	hooks.snapshot = gc_stat_snapshot;
	hooks.walk = gc_stat_walk;
	hooks.show = gc_stat_show;
	hooks.metrics = gc_metrics_show;
	hooks.configure = configure;
	hooks.fork_child = fork_child;
	return 0;
}

static int init_locked(const struct lane_gc_options *o)
{
	static bool made;
	int err = 0;

	if (gc.ready)
		return -EALREADY;
	if (!made) {
		if (!slow_enter())
			return -EDEADLK;
		err = make(o);
		slow_exit();
	}
	made = !err;
	if (!err)
		err = threads_make_key();
	if (!err)
		err = threads_init(o->signal ? o->signal : SIGRTMIN + 6);
	if (!err) {
		smp_store_release(&gc.ready, true); /* the finalizers' thread attaches itself */
		err = start_threads();
		if (err)
			gc.ready = false; /* another try starts what is missing */
	}
	if (!err)
		background_start_for_gc();
	return err;
}

LANE_API int lane_gc_init(const struct lane_gc_options *options)
{
	struct lane_gc_options o = {.sz = sizeof(o)};
	int err;

	if (options)
		o = *options;
	if (o.sz != sizeof(o) || o.percent < -1 || o.signal < 0 || o.signal > SIGRTMAX)
		return -EINVAL;
	if (!lane_started() && lane_start_outside())
		return -ENOMEM;
	spin_lock(&init_lock);
	err = init_locked(&o);
	spin_unlock(&init_lock);
	return err;
}

/* The child of a fork tries again to start what is missing. */
static int start_missing(void)
{
	int err = 0;

	spin_lock(&init_lock);
	if (stranded)
		err = start_threads();
	if (!err && stranded) {
		WRITE_ONCE(stranded, false);
		WRITE_ONCE(gc.failed, false);
	}
	spin_unlock(&init_lock);
	return err;
}

LANE_API int lane_gc_collect(void)
{
	int err;

	if (!READ_ONCE(gc.ready))
		return -EAGAIN;
	/* A trace callback is part of the cycle that it would wait for. */
	if (!slow_enter())
		return -EDEADLK;
	slow_exit();
	if (smp_load_acquire(&delayed)) /* pairs with begin_anew() */
		return -EAGAIN;
	err = READ_ONCE(stranded) ? start_missing() : 0;
	return err ? err : cycle_collect();
}

LANE_API int lane_gc_set_percent(int percent)
{
	int before;

	spin_lock(&heap.lock);
	before = heap.pacer.percent;
	pacer_set_percent(&heap.pacer, max(percent, -1));
	spin_unlock(&heap.lock);
	heap_pace_sweep();
	cycle_wake();
	return before;
}

LANE_API uint64_t lane_gc_set_memory_limit(uint64_t bytes)
{
	u64 before;

	spin_lock(&heap.lock);
	before = heap.pacer.limit;
	pacer_set_limit(&heap.pacer, bytes);
	spin_unlock(&heap.lock);
	heap_pace_sweep();
	cycle_wake();
	return before;
}

/* Marking had begun: everything was swept, so no mark is of use. */
static void give_up_marking(void)
{
	sweep_forget();
	gc.marking = 0;
	gc.flipped = 0;
	gc.barrier = gc.locked;
}

/* Somebody acts on the phase as it was: a store that a handler has interrupted. */
static bool inside(void)
{
	return gc_self && gc_self->depth;
}

/*
 * The child's collector begins. Not where a handler that interrupted a store leaves a slow path of
 * its own: the store may be in the middle of a queue.
 */
static void begin_anew(void)
{
	if (inside()) {
		slow_defer(begin_anew);
		return;
	}
	/* A handler does not wait long for markers: what they had is lost, with the cycle. */
	mark_active = 0;
	roots_after_fork();
	gc.stalled = false;
	queue_reset();
	cycle_after_fork();
	if (gc.phase != GC_OFF)
		give_up_marking();
	gc.phase = gc_unswept_bytes() ? GC_SWEEP : GC_OFF;
	stranded = start_threads();
	gc.failed = stranded;
	smp_store_release(&delayed, false); /* pairs with lane_gc_collect() */
	if (stranded) {
		cycle_cannot();
		pr_err("the child of a fork cannot collect: no threads");
	}
}

static void fork_child(void)
{
	init_lock.word = 0;
	running.workers = 0;
	running.coordinator = false;
	if (!gc.ready)
		return;
	threads_after_fork();
	assist_after_fork();
	queue_forget_locks();
	heap.lock.word =
		0; /* its holder is gone; what it wrote is read as hints, and written anew */
	/* lane_gc_weak_get() would wait for its end. */
	if (gc.phase == GC_TERM)
		gc.phase = GC_MARK;
	if (!slow_interrupted() && !inside()) {
		begin_anew();
		return;
	}
	/* Other threads may be started by the handler, and it may not return. */
	delayed = true;
	gc.failed = true;
	slow_defer(begin_anew);
}
