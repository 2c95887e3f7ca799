// SPDX-License-Identifier: MIT
/*
 * worker.c - background marking at a quarter of the CPUs.
 *
 * So many threads as make a quarter exactly: whole ones and one that works for a part
 * of its time (pacer_workers()). They work in slices well under a millisecond, and the
 * one for a part sleeps in between, but for where its CPU would be idle then (idle.h).
 * What they have done goes to allocators that wait, and into the pool (assist_flush()).
 */
#include "worker.h"

#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "assist.h"
#include "cycle.h"
#include "heap.h"
#include "idle.h"
#include "mark.h"
#include "os.h"
#include "slow_path.h"
#include "thread.h"

#define SLICE_NS 200000ULL
#define IDLE_NS 100000L /* marking runs, and there is nothing to take */
#define NICE 5

static u32 round_; /* futex: grows when there is work */

void workers_wake(void)
{
	if (!queue_has_work())
		return;
	atomic_add_return(&round_, 1);
	syscall(SYS_futex, &round_, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void workers_call(void)
{
	atomic_add_return(&round_, 1);
	syscall(SYS_futex, &round_, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static u64 cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* Returns whether there was anything to do, and the time that it took. */
static bool slice(u64 *took)
{
	struct lane_gc_tracer m;
	u64 began = cpu_ns();

	slow_enter_always();
	mark_begin(&m);
	mark_some(&m, UINT64_MAX, os.now_ns() + SLICE_NS);
	mark_end(&m);
	slow_exit();
	assist_flush(m.work);
	*took = cpu_ns() - began;
	atomic_add_return(&heap.worker_ns, *took);
	return m.work;
}

static void rest(u64 ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000),
			      .tv_nsec = (long)(ns % 1000000000)};

	nanosleep(&ts, NULL);
}

/* @arg: quarters of its time that it works. */
static void *worker(void *arg)
{
	u64 quarters = (uintptr_t)arg, took;
	struct idle idle = {0};

	thread_set_name("lane-mark");
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	for (;;) {
		u32 seen = READ_ONCE(round_);

		while (READ_ONCE(gc.marking)) {
			if (!slice(&took))
				break;
			if (quarters < 4 && !idle_but_for_us(&idle))
				rest(took * (4 - quarters) / quarters);
		}
		if (READ_ONCE(gc.marking)) {
			struct timespec ts = {.tv_nsec = IDLE_NS};

			cycle_is_dry();
			atomic_add_return(&mark_hungry, 1);
			syscall(SYS_futex, &round_, FUTEX_WAIT_PRIVATE, seen, &ts, NULL, 0);
			atomic_add_return(&mark_hungry, (u32)-1);
		} else {
			syscall(SYS_futex, &round_, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
		}
	}
	return NULL;
}

u32 workers_planned(void)
{
	struct pacer_workers w = pacer_workers(heap.cpus);

	return w.whole + (w.quarters != 0);
}

int worker_start(u32 index)
{
	struct pacer_workers w = pacer_workers(heap.cpus);
	u64 quarters = index < w.whole ? 4 : w.quarters;
	pthread_t thread;
	int err = thread_start(&thread, worker, (void *)(uintptr_t)quarters);

	if (!err)
		pthread_detach(thread);
	return err;
}
