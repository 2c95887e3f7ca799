// SPDX-License-Identifier: MIT
#include "assist.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "heap.h"
#include "mark.h"
#include "os.h"
#include "slow_path.h"
#include "threads.h"

#define ASSIST_MOST_NS 500000ULL /* that one call marks */
#define STEP_NS 100000ULL	 /* in one piece, before others may fork */
#define WAIT_NS 500000L		 /* in the queue, before it goes on regardless */
#define WAIT_BEYOND_NS 10000000L /* the same where the heap is beyond its goal */
#define DEBT_MOST (4ULL << 20)	 /* bytes that are carried over */
#define DEBT_FREE (64ULL << 10)	 /* bytes owed before a thread waits */
#define DEBT_STEP 2048		 /* bytes more before it looks for work again */
#define WAITS_LEAST 16u		 /* of each thread on the way to the end of the line */

static struct spinlock lock = SPINLOCK_INIT(RANK_GC_QUEUE);
static CDS_LIST_HEAD(queue);
static u32 waiting; /* lock; read without as a hint */

/* From the pool; how much. */
static u64 take(u64 work)
{
	u64 got = credit_take(READ_ONCE(heap.pool), work);

	if (got)
		atomic_add_return(&heap.pool, -(s64)got);
	return got;
}

static u64 cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/*
 * Mark for @work bytes at most; how much was done. CPU time is counted: where other programs
 * take the CPU meanwhile the limiter must not hold that for collecting.
 */
static u64 mark(u64 work, u64 until, bool *dry)
{
	struct lane_gc_tracer m;
	u64 began;

	*dry = false;
	if (!slow_enter())
		return 0;
	began = cpu_ns();
	mark_begin(&m);
	*dry = mark_some(&m, work, until);
	mark_end(&m);
	slow_exit();
	atomic_add_return(&heap.assist_ns, cpu_ns() - began);
	return m.work;
}

/* gc_thread.wake: in the queue; paid, late or released; called to mark. */
enum { WAITS, GOES, CALLED };

/*
 * Markers take the lock in slow paths. Who waits is in none: a handler that forks must not come
 * while it is held, nor where the queue is half changed, as its child makes that anew.
 */
static void lock_queue(void)
{
	slow_read_begin();
	spin_lock(&lock);
}

static void unlock_queue(void)
{
	spin_unlock(&lock);
	slow_read_end();
}

/* Lock held. */
static bool enter_queue(struct gc_thread *t)
{
	/* Looked at under the lock: assist_flush() and the end of marking take it, too. */
	if (READ_ONCE(heap.pool) > 0 || !READ_ONCE(gc.marking))
		return false;
	t->wake = WAITS;
	cds_list_add_tail(&t->queue, &queue);
	waiting++;
	atomic_add_return(&mark_hungry, 1);
	return true;
}

/* Lock held. */
static void leave_queue(struct gc_thread *t, u32 why)
{
	cds_list_del(&t->queue);
	waiting--;
	atomic_add_return(&mark_hungry, (u32)-1);
	smp_store_release(&t->wake, why); /* pairs with wait_in_queue(): its credit before */
}

/* Nothing to mark and no credit: wait for either, not for long. Whether it was called to mark. */
static bool wait_in_queue(struct gc_thread *t)
{
	bool beyond = READ_ONCE(heap.live) > READ_ONCE(heap.pacer.goal), entered;
	struct timespec ts = {.tv_nsec = beyond ? WAIT_BEYOND_NS : WAIT_NS};

	lock_queue();
	entered = enter_queue(t);
	unlock_queue();
	if (!entered)
		return false;
	syscall(SYS_futex, &t->wake, FUTEX_WAIT_PRIVATE, WAITS, &ts, NULL, 0);
	if (smp_load_acquire(&t->wake) == WAITS) { /* pairs with leave_queue() */
		lock_queue();
		if (t->wake == WAITS)
			leave_queue(t, GOES);
		unlock_queue();
	}
	return t->wake == CALLED;
}

/*
 * What a thread may owe before it waits where there is nothing to mark just now: marking
 * has only begun, or others have all that is grey. A wait for each object would add up, to ten
 * milliseconds for a request that makes twenty. It is a part of the room that is left, so that
 * however many threads there are they do not use it up while others mark.
 */
static u64 debt_free(void)
{
	u64 room = sub_floor(READ_ONCE(heap.pacer.sure), READ_ONCE(heap.live));

	return min(DEBT_FREE, room / (WAITS_LEAST * max(READ_ONCE(threads_attached), 1u)));
}

void assist(struct gc_thread *t)
{
	u64 until = os.now_ns() + ASSIST_MOST_NS;
	bool waited = false, called = false;

	if (t->assisting)
		return;
	t->assisting = true;
	t->again = 0;
	while (t->credit < 0 && READ_ONCE(gc.marking) && !heap_limiting()) {
		struct assist_ratio ratio = heap_ratio();
		struct credit_need need = credit_need(t->credit, ratio, CREDIT_STEP);
		u64 got = take(need.work);
		bool dry = false;

		if (got < need.work)
			got += mark(need.work - got, min(until, os.now_ns() + STEP_NS), &dry);
		t->credit += credit_bytes(got, ratio);
		if (t->credit >= 0 || os.now_ns() >= until)
			break;
		if (!dry || got)
			continue;
		if (waited)
			break;
		if (0 - (u64)t->credit <= debt_free()) {
			t->again = t->credit - DEBT_STEP;
			break;
		}
		waited = true;
		called = wait_in_queue(t);
		until = os.now_ns() + ASSIST_MOST_NS;
	}
	/* Who has waited in vain is even, but for what it may not owe. */
	if (waited && !called && debt_free())
		t->credit = credit_forgive(t->credit, 0);
	t->credit = credit_forgive(t->credit, READ_ONCE(gc.marking) ? DEBT_MOST : 0);
	t->assisting = false;
}

static void wake(struct gc_thread *t, u32 why)
{
	leave_queue(t, why);
	syscall(SYS_futex, &t->wake, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void assist_flush(u64 work)
{
	struct assist_ratio ratio = heap_ratio();

	if (READ_ONCE(waiting)) {
		lock_queue();
		while (work && !cds_list_empty(&queue)) {
			struct gc_thread *t = cds_list_first_entry(&queue, struct gc_thread, queue);

			t->credit = credit_pay(t->credit, &work, ratio);
			if (t->credit >= 0) {
				wake(t, GOES);
				continue;
			}
			/* Paid in part: behind the others, so that one large debt delays nobody. */
			cds_list_del(&t->queue);
			cds_list_add_tail(&t->queue, &queue);
		}
		unlock_queue();
	}
	if (work)
		atomic_add_return(&heap.pool, (s64)work);
}

bool assist_call(void)
{
	bool any;

	if (!READ_ONCE(waiting))
		return false;
	spin_lock(&lock);
	any = !cds_list_empty(&queue);
	if (any)
		wake(cds_list_first_entry(&queue, struct gc_thread, queue), CALLED);
	spin_unlock(&lock);
	return any;
}

void assist_release_all(void)
{
	lock_queue();
	while (!cds_list_empty(&queue))
		wake(cds_list_first_entry(&queue, struct gc_thread, queue), GOES);
	unlock_queue();
}

void assist_leave(struct gc_thread *t)
{
	if (READ_ONCE(gc.marking) && t->cycle == READ_ONCE(gc.cycle) && t->credit > 0)
		atomic_add_return(&heap.pool, (s64)credit_return(t->credit, heap_ratio()));
	t->credit = 0;
}

void assist_after_fork(void)
{
	lock.word = 0;
	CDS_INIT_LIST_HEAD(&queue);
	waiting = 0;
	mark_hungry = 0;
	if (gc_self)
		gc_self->wake = GOES; /* it may have been in the queue */
}
