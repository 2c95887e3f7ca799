/* SPDX-License-Identifier: MIT */
/*
 * assist.h - who allocates while marking runs pays first.
 *
 * Each thread has a balance in bytes (thread.credit). While gc.marking is set an
 * allocation subtracts its size before it happens; below zero the thread assists
 * before it allocates: it takes from the pool what background workers did ahead, marks
 * for the rest in steps, and where there is nothing to mark it waits in a queue, first
 * come, first served, for a limited time. The arithmetic is in credit.h.
 *
 * A balance is of one cycle: the first allocation in a new one begins at zero.
 *
 * Where there is nothing to mark just now, a thread goes on until it owes some more
 * (thread.again), and waits only when it owes its part of the room that is left. So a
 * request of many small objects waits once, not once for each.
 *
 * Bounds: one call assists for ASSIST_MOST_NS at most, and waits as long. What is owed
 * beyond is carried over, up to a limit (credit_forgive()). Code that runs in an assist,
 * a trace callback say, never assists again.
 *
 * Lock: assist.lock (RANK_GC_QUEUE) protects the queue and the balance of those in it.
 */
#ifndef GC_ASSIST_H
#define GC_ASSIST_H

#include "credit.h"
#include "gc.h"

/* Pay until the balance is not negative, or as long as it may take. Not inside gc_enter(). */
void assist(struct gc_thread *t);

/* Background work of @work bytes: to those that wait, the rest to the pool. */
void assist_flush(u64 work);

/* There is something to take: wake who has waited for longest. False: nobody waits. */
bool assist_call(void);

/* Marking has ended: everybody may go. */
void assist_release_all(void);

/* A thread detaches: its credit goes back to the pool. */
void assist_leave(struct gc_thread *t);

/* The child of a fork: nobody is in the queue, nor has the lock. */
void assist_after_fork(void);

/* Before an allocation of @bytes. */
static __always_inline void assist_charge(struct gc_thread *t, u64 bytes)
{
	if (likely(!READ_ONCE(gc.marking)))
		return;
	if (unlikely(t->cycle != READ_ONCE(gc.cycle))) {
		t->cycle = READ_ONCE(gc.cycle);
		t->credit = 0;
		t->again = 0;
	}
	t->credit = credit_charge(t->credit, bytes);
	if (unlikely(t->credit < t->again))
		assist(t);
}

/* After it: what its size was rounded by. */
static __always_inline void assist_charge_rounding(struct gc_thread *t, u64 bytes)
{
	if (unlikely(READ_ONCE(gc.marking)))
		t->credit = credit_charge(t->credit, bytes);
}

#endif
