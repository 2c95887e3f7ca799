// SPDX-License-Identifier: MIT
#include "init.h"

#include <errno.h>
#include <lane/lane.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "background.h"
#include "bug.h"
#include "check.h"
#include "conf.h"
#include "fork.h"
#include "guard.h"
#include "hooks.h"
#include "lanes.h"
#include "node_heap.h"
#include "os.h"
#include "procfs.h"
#include "prof.h"
#include "prof_draw.h"
#include "prof_stack.h"
#include "prof_trigger.h"
#include "quarantine.h"
#include "serve.h"
#include "slow_path.h"
#include "snapshot.h"
#include "space.h"
#include "topology.h"

static struct spinlock start_lock = SPINLOCK_INIT(RANK_TOPOLOGY);

static int start_locked(void)
{
	int err;

	if (lane_started())
		return 0;
	os_page_size = getauxval(AT_PAGESZ);
	snapshot_init();
	prof_draw_init();
	/*
	 * A start that failed half way goes on where it was: nothing is set aside twice, nor for
	 * another number of CPUs.
	 */
	if (!topology.cpus)
		topology_probe();
	err = space.base ? 0 : space_init(topology.nodes);
	if (!err && !node_heaps[0])
		err = node_heap_init(0, topology.first_node);
	if (!err)
		err = lanes_init(topology.cpus, space.nr_homes);
	if (err)
		return err;
	nr_homes = 1;
	topology_choose_mode();
	hot.base = space.base;
	hot.pagemap = space.pagemap;
	smp_store_release(&space.limit, space.home_bytes); /* pairs with lane_started() */
	lanes_open_fast_path();
	return 0;
}

int lane_start(void)
{
	int err;

	spin_lock(&start_lock);
	err = start_locked();
	spin_unlock(&start_lock);
	return err;
}

int lane_start_outside(void)
{
	int err = -EAGAIN;

	if (slow_enter()) {
		err = lane_start();
		slow_exit();
	}
	return err;
}

/* @name ends with "=". */
static const char *find_env(char **env, const char *name)
{
	for (; env && *env; env++) {
		if (!strncmp(*env, name, strlen(name)))
			return *env + strlen(name);
	}
	return NULL;
}

#ifndef LANE_NO_INTERPOSE
extern void __asan_init(void) __attribute__((weak));
extern void __lsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

/*
 * A sanitizer lives by its own malloc. Where that comes first Lane is a library like others,
 * unused; where Lane's does, the sanitizer would miss all errors or report false ones.
 */
static void refuse_sanitizers(void)
{
	const char *name = __asan_init	 ? "AddressSanitizer"
			   : __tsan_init ? "ThreadSanitizer"
			   : __msan_init ? "MemorySanitizer"
			   : __lsan_init ? "LeakSanitizer"
					 : NULL;

	if (name && (void *)malloc == (void *)lane_malloc)
		panic("this program is built with %s, which needs its own malloc: run it without "
		      "Lane",
		      name);
}
#else
static void refuse_sanitizers(void)
{
}
#endif

/*
 * Not before the C library's own constructor, which would then run from within
 * our dlopen() and lose the program's arguments and environment. The priority
 * counts in the static library.
 */
__attribute__((constructor(101))) static void lane_constructor(int argc, char **argv, char **env)
{
	(void)argc, (void)argv;
#ifndef __GLIBC__
	env = environ; /* others give constructors no arguments */
#endif
	refuse_sanitizers();
	/* A program with more rights than its user does not take orders from its environment. */
	if (!getauxval(AT_SECURE))
		conf_parse(find_env(env, "LANE_CONF="));
	fork_init(); /* also where the heap starts later */
	prof_stack_init();
	if (!lane_started() && lane_start_outside()) {
		pr_err("no memory to start: malloc fails until there is some, and what else "
		       "LANE_CONF asks for is left out");
		return;
	}
	if (conf.check != CONF_CHECK_OFF && check_init())
		pr_err("no memory to check objects");
	if (conf.mode != CONF_MODE_AUTO || topology.nodes > 1 || conf.numa != CONF_NUMA_AUTO) {
		topology_ask();
		slow_enter_always();
		topology_refine();
		slow_exit();
	}
	if (conf.guard_rate && guard_set_rate(conf.guard_rate))
		pr_err("no memory for guarded samples");
	if (conf.prof_rate)
		prof_set_rate(conf.prof_rate);
	if (hooks.configure)
		hooks.configure();
	background_start();
	prof_trigger_start();
	serve_init(find_env(env, "XDG_RUNTIME_DIR="));
}

__attribute__((destructor)) static void lane_destructor(void)
{
	serve_exit();
	/*
	 * exit() in a handler: what is to be printed would be waited for by who reads it. Nor does
	 * it leave the slow path any more, or the quarantine: a fork that waits for that makes way,
	 * or goes on, and gives back the C library's lock of its streams, which exit() takes next.
	 */
	if (slow_interrupted()) {
		quarantine_abandon(); /* first: a fork that waits for that alone goes on */
		slow_fork_begin();
		return;
	}
	if (lane_started())
		prof_trigger_exit();
	if (READ_ONCE(conf.stats_print) && lane_started())
		procfs_print("heapinfo");
}
