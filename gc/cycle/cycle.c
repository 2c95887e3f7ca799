// SPDX-License-Identifier: MIT
/*
 * cycle.c - one cycle, step by step. gc.h says what the steps are for.
 *
 * Only the coordinator writes gc.barrier, gc.marking and gc.phase, and in this order:
 * the barrier goes on before anything is marked and off after nothing is any more.
 */
#include "cycle.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "assist.h"
#include "backoff.h"
#include "conf.h"
#include "fence.h"
#include "gc_inject.h"
#include "heap.h"
#include "mark.h"
#include "os.h"
#include "prof_cycle.h"
#include "queue.h"
#include "roots.h"
#include "slow_path.h"
#include "sweep.h"
#include "thread.h"
#include "threads.h"
#include "verify.h"
#include "worker.h"

#define LOOK_NS 1000000L   /* while others mark, and none of them runs dry */
#define BEGIN_NS 10000000L /* that an allocation waits for marking to begin */
#define WIPED 4096	   /* bytes of the stack; more than lie below who waits */

struct gc_state gc __aligned_to(CACHE_LINE);
struct cycle_record cycle;

static u32 wanted;   /* futex: 1 a cycle is due */
static u32 asked;    /* cycles that lane_gc_collect() wants begun; atomic */
static u32 finished; /* futex: cycles completed */
static u32 begun;    /* coordinator */
static u32 dry;	     /* futex: times that nobody had anything to mark, as a worker saw it */

/* The thread waits for a cycle, until so many are completed. */
static __thread bool awaits __attribute__((tls_model("initial-exec")));
static __thread u32 awaited __attribute__((tls_model("initial-exec")));

static void futex_wake_all(u32 *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void cycle_is_dry(void)
{
	/* Many CPUs' workers run dry all the time where one of them marks a long list. */
	if (READ_ONCE(mark_active) || queue_has_work())
		return;
	atomic_add_return(&dry, 1);
	futex_wake_all(&dry);
}

void cycle_wake(void)
{
	if (READ_ONCE(wanted) || READ_ONCE(gc.phase) == GC_MARK)
		return;
	if (!atomic_xchg(&wanted, 1))
		futex_wake_all(&wanted);
}

void cycle_await_begin(void)
{
	struct timespec ts = {.tv_nsec = BEGIN_NS};

	cycle_wake();
	if (!READ_ONCE(gc.failed))
		syscall(SYS_futex, &gc.marking, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0);
}

/* Until *@word is no longer @value, or for LOOK_NS: then there is more to look at. */
static void await_change(u32 *word, u32 value, bool look)
{
	struct timespec ts = {.tv_nsec = LOOK_NS};

#ifdef __SANITIZE_THREAD__
	/* ThreadSanitizer delivers signals, which ask for the stack, in calls that it knows. */
	(void)word, (void)value, (void)look;
	nanosleep(&ts, NULL);
#else
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, look ? &ts : NULL, NULL, 0);
#endif
}

/*
 * Who asks for a cycle has its stack read where it waits. In the words between its frames, and in
 * the red zone below them, lies what earlier calls have left, Lane's own too: the start of a huge
 * page is its first object's address. So they are cleared before the frames are laid over them.
 */
static __noinline void wipe_stack(void)
{
	char dead[WIPED];

	memset(dead, 0, sizeof(dead));
	asm volatile("" ::"r"(dead) : "memory");
}

static int collect(bool look)
{
	int err = 0;
	u32 now;

	/* The cycle that runs now may have begun before; the next one has not. */
	awaited = READ_ONCE(begun) + 1;
	barrier(); /* a handler that forks from here on sees that */
	awaits = true;
	wipe_stack();
	atomic_add_return(&asked, 1);
	if (!atomic_xchg(&wanted, 1))
		futex_wake_all(&wanted);
	while (!err && (s32)((now = smp_load_acquire(&finished)) - awaited) < 0) {
		if (look && READ_ONCE(gc.stalled))
			err = -EAGAIN;
		else
			await_change(&finished, now, look);
	}
	awaits = false;
	return err ? err : READ_ONCE(gc.failed) ? -EPERM : 0;
}

int cycle_collect(void)
{
	return collect(false);
}

int cycle_try_collect(void)
{
	return collect(true);
}

/*
 * From here on stores shade and what is handed out is marked. False: it cannot be done.
 *
 * Nothing is scanned before gc.flipped: a store that does not shade, begun before and not ended
 * yet, would put what nobody has marked into an object that is black. What stores shade meanwhile
 * waits in the queues.
 */
static bool turn_on(void)
{
	bool drained;

	WRITE_ONCE(gc.phase, GC_MARK);
	if (GC_TWIN(early_scan))
		WRITE_ONCE(gc.flipped, 1);
	GC_INJECT(AT_PHASE);
	WRITE_ONCE(gc.marking, 1);
	if (!gc.locked)
		WRITE_ONCE(gc.barrier, (u32)gc.cycle * 2 + 1); /* after sweeping: no old marks */
	GC_INJECT(AT_BARRIER);
	if (!gc.locked && !rseq_fence())
		return false;
	GC_INJECT(AT_FENCE);
	sweep_blacken();
	GC_INJECT(AT_BLACK);
	gc_synchronize();
	if (!GC_TWIN(early_scan))
		smp_store_release(&gc.flipped, 1); /* pairs with find_work(), write_marking() */
	GC_INJECT(AT_SYNCHRONIZED);
	if (GC_TWIN(no_drain))
		return true;
	slow_enter_always();
	drained = collected_drain_all();
	slow_exit();
	futex_wake_all(&gc.marking); /* cycle_await_begin() */
	return drained;
}

/* From the end of marking on: threads that are inside a barrier leave it. */
static void grace(void)
{
	if (!GC_TWIN(no_grace))
		gc_synchronize();
}

/*
 * On return nobody marks any more: a mark set after its class has turned would outlive the
 * sweep, and the next cycle would not look into that object. What is still queued was
 * shaded for nothing, by a store over a word that only looked like a reference.
 */
static void turn_off(void)
{
	u32 turn = 0;

	WRITE_ONCE(gc.flipped, 0);
	if (!gc.locked)
		WRITE_ONCE(gc.barrier, 0);
	WRITE_ONCE(gc.marking, 0);
	WRITE_ONCE(gc.phase, GC_SWEEP);
	grace();
	/* Pairs with mark_end(): who sweeps sees all marks. */
	for (queue_drop(); smp_load_acquire(&mark_active); queue_drop())
		backoff(&turn);
	assist_release_all();
}

/* True where nothing is grey and no thread holds anything grey. */
static bool nothing_is_grey(void)
{
	u64 before, after;

	if (!queue_is_quiet(&before) || READ_ONCE(mark_active))
		return false;
	GC_INJECT(AT_FIRST_LOOK);
	grace();
	GC_INJECT(AT_SECOND_LOOK);
	return queue_is_quiet(&after) && after == before && !READ_ONCE(mark_active) &&
	       !queue_has_lost();
}

static void rescan_lost(void)
{
	struct lane_gc_tracer m;

	if (!queue_take_lost())
		return;
	slow_enter_always();
	mark_begin(&m);
	mark_rescan(&m);
	mark_end(&m);
	slow_exit();
}

/* Ranges after stacks: see roots.h. */
static bool scan_new(void)
{
	bool stacks = threads_scan();

	return roots_queue_new() || stacks;
}

/*
 * Until nothing is grey and all stacks were scanned; workers and assists do the marking. Each look
 * takes CPU time from them, so it comes when nobody seems to have work, which may be the end.
 */
static void mark_all(void)
{
	for (;;) {
		u32 seen = READ_ONCE(dry);

		heap_revise();
		if (scan_new())
			workers_wake();
		rescan_lost();
		if (nothing_is_grey() && !scan_new())
			return;
		workers_wake();
		await_change(&dry, seen, true);
	}
}

/* Weak references and finalizers, which look at the marks. What those need is marked, too. */
static void terminate(void)
{
	bool any;

	for (;;) {
		WRITE_ONCE(gc.phase, GC_TERM);
		GC_INJECT(AT_TERMINATE);
		grace();
		if (nothing_is_grey())
			break;
		/* A weak reference was taken at the last moment. */
		WRITE_ONCE(gc.phase, GC_MARK);
		mark_all();
	}
	GC_INJECT(AT_CLEAR);
	weak_clear();
	/* lane_gc_weak_get() looks at marks no more, before sweeping begins to clear them. */
	WRITE_ONCE(gc.phase, GC_MARK);
	grace();
	GC_INJECT(AT_CLEARED);
	any = finalizers_queue();
	/* Also where a store has shaded what has a finalizer just before that was asked. */
	if (any || (!GC_TWIN(no_last_look) && !nothing_is_grey()))
		mark_all();
}

static void note_begin(bool forced)
{
	cycle.was_forced = forced;
	cycle.began_ns = os.now_ns();
	cycle.heap_begin = READ_ONCE(heap.live);
	cycle.goal = heap.pacer.goal;
	cycle.worker_ns = READ_ONCE(heap.worker_ns);
	cycle.assist_ns = READ_ONCE(heap.assist_ns);
	cycle.limited_ns = heap.limited_ns;
	cycle.copies = threads_copies;
}

static void note_end(void)
{
	cycle.mark_ns = os.now_ns() - cycle.began_ns;
	cycle.heap_end = READ_ONCE(heap.live);
	cycle.work = READ_ONCE(heap.work);
	cycle.worker_ns = READ_ONCE(heap.worker_ns) - cycle.worker_ns;
	cycle.assist_ns = READ_ONCE(heap.assist_ns) - cycle.assist_ns;
	cycle.limited_ns = heap.limited_ns - cycle.limited_ns;
	cycle.copies = threads_copies - cycle.copies;
}

static bool cycle_is_due(void)
{
	return READ_ONCE(wanted);
}

static void run(bool forced)
{
	note_begin(forced);
	sweep_all(NULL);
	if (gc.check)
		verify_no_marks();
	WRITE_ONCE(begun, begun + 1);
	WRITE_ONCE(gc.cycle, gc.cycle + 1);
	heap_start_cycle();
	if (!turn_on()) {
		/* Without a fence nothing can be collected; the program goes on and grows, and
		 * who asks for a cycle has it tried again. */
		WRITE_ONCE(gc.failed, true);
		turn_off();
		sweep_forget();
		WRITE_ONCE(gc.phase, GC_OFF);
		smp_store_release(&finished, begun); /* who is about to wait must not */
		futex_wake_all(&finished);
		return;
	}
	WRITE_ONCE(gc.failed, false);
	GC_INJECT(AT_DRAINED);
	heap.roots = roots_queue();
	workers_wake();
	GC_INJECT(AT_ROOTS);
	mark_all();
	terminate();
	if (gc.check)
		verify_marks();
	note_end();
	heap_end_cycle(cycle.mark_ns);
	cycle.heap_marked = heap.last_marked;
	prof_cycle_next(); /* what is swept from here on belongs to the next cycle */
	turn_off();
	GC_INJECT(AT_OFF);
	sweep_turn();
	heap_pace_sweep();
	finalizers_wake();
	/* Outside of slow paths: a fork holds the profile's lock while it waits for them. */
	prof_cycle_flush();
	sweep_all(forced ? NULL : cycle_is_due);
	cycle.sweep_ns = os.now_ns() - cycle.began_ns - cycle.mark_ns;
	WRITE_ONCE(gc.phase, GC_OFF);
	cycle.cycles++;
	cycle.forced += forced;
	gctrace();
	WRITE_ONCE(gc.stalled, false);
	smp_store_release(&finished, begun); /* pairs with collect() */
	futex_wake_all(&finished);
}

void cycle_cannot(void)
{
	if (awaits)
		begun = finished = awaited;
}

void cycle_after_fork(void)
{
	/* Where a handler of a thread that waits has forked there is a whole cycle for that. */
	wanted = awaits;
	asked = awaits;
	if (awaits)
		begun = awaited - 1;
	finished = begun;
}

static void *coordinator(void *arg)
{
	(void)arg;
	thread_set_name("lane-gc");
	for (;;) {
		u32 forced;

		syscall(SYS_futex, &wanted, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
		if (!atomic_xchg(&wanted, 0))
			continue;
		forced = atomic_xchg(&asked, 0);
		if (READ_ONCE(gc.failed) && !forced)
			continue;
		if (forced || READ_ONCE(heap.live) >= READ_ONCE(heap.pacer.trigger))
			run(forced);
	}
	return NULL;
}

int cycle_start_thread(void)
{
	pthread_t thread;
	int err = thread_start(&thread, coordinator, NULL);

	if (!err)
		pthread_detach(thread);
	return err;
}
