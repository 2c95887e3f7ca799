/* SPDX-License-Identifier: MIT */
/*
 * spinlock.h - a lock that spins briefly and then sleeps in a futex: the
 * holder may have been preempted, which a spinning kernel lock need not fear.
 *
 * word: 0 free, 1 held, 2 held and somebody may sleep. Taking it is an
 * acquire, giving it back a release.
 */
#ifndef KERN_SPINLOCK_H
#define KERN_SPINLOCK_H

#include "barrier.h"
#include "compiler.h"
#include "lockdep.h"

struct spinlock {
	u32 word;
	u32 rank; /* enum lock_rank; constant */
};

#define SPINLOCK_INIT(r)                                                                           \
	{                                                                                          \
		.rank = (r)                                                                        \
	}

static inline void spin_lock_init(struct spinlock *l, enum lock_rank rank)
{
	l->word = 0;
	l->rank = rank;
}

/* Somebody may sleep for it. */
static inline bool spin_is_contended(const struct spinlock *l)
{
	return READ_ONCE(l->word) == 2;
}

void spin_lock_slow(struct spinlock *l);
void spin_wake(struct spinlock *l);

static inline bool spin_trylock(struct spinlock *l)
{
	u32 free = 0;

	if (!__atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	lockdep_acquire(l);
	return true;
}

/* For a signal handler that has to have it: whatever is held may be by what it interrupted. */
static inline bool spin_trylock_any_order(struct spinlock *l)
{
	u32 free = 0;

	if (!__atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	lockdep_acquire_any_order(l);
	return true;
}

static inline void spin_lock(struct spinlock *l)
{
	u32 free = 0;

	if (unlikely(!__atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE,
						  __ATOMIC_RELAXED)))
		spin_lock_slow(l);
	lockdep_acquire(l);
}

static inline void spin_unlock(struct spinlock *l)
{
	lockdep_release(l);
	if (unlikely(__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2))
		spin_wake(l);
}

#endif
