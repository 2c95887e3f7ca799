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

#define ASSIST_MOST_NS 500000ULL /* that one call marks */
#define STEP_NS 100000ULL	 /* in one piece, before others may fork */
#define WAIT_NS 500000L		 /* in the queue, before it goes on regardless */
#define WAIT_BEYOND_NS 10000000L /* the same where the heap is beyond its goal */
#define DEBT_MOST (4ULL << 20)	 /* bytes that are carried over */

static struct spinlock lock = SPINLOCK_INIT(RANK_GC_QUEUE);
static CDS_LIST_HEAD(queue);
static u32 waiting; /* lock; read without as a hint */

u32 assist_waiting(void)
{
	return READ_ONCE(waiting);
}

/* From the pool; how much. */
static u64 take(u64 work)
{
	u64 got = credit_take(READ_ONCE(heap.pool), work);

	if (got)
		atomic_add_return(&heap.pool, -(s64)got);
	return got;
}

/* Mark for @work bytes at most; how much was done. */
static u64 mark(u64 work, u64 until, bool *dry)
{
	struct lane_gc_tracer m;

	*dry = false;
	if (!slow_enter())
		return 0;
	mark_begin(&m);
	*dry = mark_some(&m, work, until);
	mark_end(&m);
	slow_exit();
	return m.work;
}

/* Nothing to mark and no credit: wait for some, not for long. */
static void wait_in_queue(struct gc_thread *t)
{
	bool beyond = READ_ONCE(heap.live) > READ_ONCE(heap.pacer.goal);
	struct timespec ts = {.tv_nsec = beyond ? WAIT_BEYOND_NS : WAIT_NS};

	spin_lock(&lock);
	/* Looked at under the lock: assist_flush() and the end of marking take it, too. */
	if (READ_ONCE(heap.pool) > 0 || !READ_ONCE(gc.marking)) {
		spin_unlock(&lock);
		return;
	}
	t->wake = 0;
	cds_list_add_tail(&t->queue, &queue);
	waiting++;
	spin_unlock(&lock);
	syscall(SYS_futex, &t->wake, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0);
	if (!smp_load_acquire(&t->wake)) { /* pairs with wake() */
		spin_lock(&lock);
		if (!t->wake) {
			cds_list_del(&t->queue);
			waiting--;
			t->wake = 1;
		}
		spin_unlock(&lock);
	}
}

void assist(struct gc_thread *t)
{
	u64 began = os.now_ns(), until = began + ASSIST_MOST_NS;
	bool waited = false;

	if (t->assisting)
		return;
	t->assisting = true;
	while (t->credit < 0 && READ_ONCE(gc.marking) && !heap_limiting()) {
		struct assist_ratio ratio = heap_ratio();
		struct credit_need need = credit_need(t->credit, ratio, CREDIT_STEP);
		u64 got = take(need.work), now;
		bool dry = false;

		if (got < need.work)
			got += mark(need.work - got, min(until, os.now_ns() + STEP_NS), &dry);
		t->credit += credit_bytes(got, ratio);
		now = os.now_ns();
		if (t->credit >= 0 || now >= until)
			break;
		if (!dry || got)
			continue;
		if (waited)
			break;
		waited = true;
		atomic_add_return(&heap.assist_ns, now - began);
		wait_in_queue(t);
		began = os.now_ns();
		until = began + ASSIST_MOST_NS;
	}
	atomic_add_return(&heap.assist_ns, os.now_ns() - began);
	t->credit = credit_forgive(t->credit, READ_ONCE(gc.marking) ? DEBT_MOST : 0);
	t->assisting = false;
}

static void wake(struct gc_thread *t)
{
	cds_list_del(&t->queue);
	waiting--;
	smp_store_release(&t->wake, 1); /* pairs with wait_in_queue(): its credit before */
	syscall(SYS_futex, &t->wake, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void assist_flush(u64 work)
{
	struct assist_ratio ratio = heap_ratio();

	if (READ_ONCE(waiting)) {
		spin_lock(&lock);
		while (work && !cds_list_empty(&queue)) {
			struct gc_thread *t = cds_list_first_entry(&queue, struct gc_thread, queue);

			t->credit = credit_pay(t->credit, &work, ratio);
			if (t->credit >= 0) {
				wake(t);
				continue;
			}
			/* Paid in part: behind the others, so that one large debt delays nobody. */
			cds_list_del(&t->queue);
			cds_list_add_tail(&t->queue, &queue);
		}
		spin_unlock(&lock);
	}
	if (work)
		atomic_add_return(&heap.pool, (s64)work);
}

void assist_release_all(void)
{
	spin_lock(&lock);
	while (!cds_list_empty(&queue))
		wake(cds_list_first_entry(&queue, struct gc_thread, queue));
	spin_unlock(&lock);
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
}
