// SPDX-License-Identifier: MIT
#include "lockdep.h"

#ifdef LANE_DEBUG

#include "barrier.h"
#include "bug.h"
#include "spinlock.h"

/* The walk holds a lock per class, a stop one per lane; beyond this many only the depth is kept. */
#define MAX_HELD 64

static __thread struct {
	u32 depth;
	const struct spinlock *lock[MAX_HELD];
} held __attribute__((tls_model("initial-exec")));

/*
 * A signal handler may take locks between any two of these steps. So an entry
 * that is not in use is NULL, and depth counts an entry before it is set: the
 * handler leaves it as it found it.
 */
void lockdep_acquire(const struct spinlock *l)
{
	u32 i = held.depth;
	const struct spinlock *top = i && i <= MAX_HELD ? held.lock[i - 1] : NULL;

	if (top && (top->rank > l->rank || (top->rank == l->rank && top >= l)))
		panic("lock order: rank %u at %p taken under rank %u at %p", l->rank, (void *)l,
		      top->rank, (void *)top);
	lockdep_acquire_any_order(l);
}

void lockdep_acquire_any_order(const struct spinlock *l)
{
	u32 i = held.depth;

	held.depth = i + 1;
	barrier();
	if (i < MAX_HELD)
		held.lock[i] = l;
}

void lockdep_release(const struct spinlock *l)
{
	u32 n = min(held.depth, (u32)MAX_HELD);

	for (u32 i = n; i-- > 0;) {
		if (held.lock[i] != l)
			continue;
		for (; i + 1 < n; i++)
			held.lock[i] = held.lock[i + 1];
		held.lock[n - 1] = NULL;
		barrier();
		held.depth--;
		return;
	}
	if (held.depth <= MAX_HELD)
		panic("lock order: rank %u at %p released but not held", l->rank, (void *)l);
	held.depth--;
}

void lockdep_assert_held(const struct spinlock *l)
{
	for (u32 i = min(held.depth, (u32)MAX_HELD); i-- > 0;) {
		if (held.lock[i] == l)
			return;
	}
	if (held.depth <= MAX_HELD)
		panic("lock order: rank %u at %p must be held", l->rank, (void *)l);
}

#endif
