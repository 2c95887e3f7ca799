/* SPDX-License-Identifier: MIT */
/*
 * credit.h - what an allocation owes to the marking, and how it pays. Pure
 * integer arithmetic; the caller keeps the numbers.
 *
 *	balance		bytes that a thread may still allocate; its own, no lock
 *	pool		scan work that workers did ahead of the allocators; shared,
 *			changed by atomic additions only; a moment below 0 is harmless
 *	ratio		the price, struct assist_ratio; written by the collector
 *
 * While marking runs, an allocation
 *
 *	1. subtracts its size from the balance (credit_charge()), before it happens;
 *	2. below zero, asks what to do (credit_need()): all it owes, and one step at
 *	   least, so that a thread pays rarely and its next allocations are free;
 *	3. takes from the pool (credit_take()), marks for the rest, and adds
 *	   credit_bytes() of both to the balance;
 *	4. allocates, and charges what the size was rounded by (credit_charge()).
 *
 * A worker adds what it marked to the pool, or pays waiting threads with it
 * (credit_pay()).
 *
 * Work is bytes scanned. Bytes and work are exchanged at the ratio of the moment.
 * Selling rounds down and 1 is added, so that any work done moves the balance;
 * that byte is all that is ever given away for nothing.
 *
 * The two halves of a ratio are stored one after the other, and a reader may see
 * one of before a revision and one of after. It is harmless: the need comes from
 * work_per_byte alone, where it is more than a step, the credit from
 * bytes_per_work alone, and each was the price at a moment of this call. A thread
 * so gets what it would have had, had it come in time before, or after, the
 * revision; if that leaves it below zero it asks again.
 */
#ifndef GC_CREDIT_H
#define GC_CREDIT_H

#include "fixed.h"

/*
 * The price of allocation. One writer, the coordinating thread; WRITE_ONCE() by it,
 * READ_ONCE() by allocators. Both 32.32, in ASSIST_RATIO_LEAST..ASSIST_RATIO_MOST.
 */
struct assist_ratio {
	u64 work_per_byte; /* work that one byte of allocation owes */
	u64 bytes_per_work;
};

#define ASSIST_RATIO_LEAST (FIXED_ONE >> 20)
#define ASSIST_RATIO_MOST (FIXED_ONE << 10)

/*
 * The least that is marked at once. 32 KiB at 1 GB/s are 33 us; a thread that
 * allocates 64 bytes a time at a ratio of 1 then pays once in 512 allocations.
 */
#define CREDIT_STEP (32u << 10)

/* What to do about a balance below zero. */
struct credit_need {
	u64 work;  /* to take from the pool or to mark */
	u64 bytes; /* what that is worth, before rounding */
};

static inline s64 credit_charge(s64 balance, u64 bytes)
{
	return balance - (s64)min(bytes, FIXED_MOST);
}

/**
 * credit_need - how much work pays @balance
 * @balance: bytes, below zero
 * @ratio: a copy of the price
 * @step: least work, at most 2^40; CREDIT_STEP
 */
static inline struct credit_need credit_need(s64 balance, struct assist_ratio ratio, u64 step)
{
	u64 debt = 0 - (u64)balance;
	struct credit_need need = {fixed_mul_up(debt, ratio.work_per_byte), debt};

	if (need.work < step) {
		need.work = step;
		need.bytes = max(debt, fixed_mul(step, ratio.bytes_per_work));
	}
	return need;
}

/* Of the pool, what may be taken for @work; the caller subtracts it atomically. */
static inline u64 credit_take(s64 pool, u64 work)
{
	return pool > 0 ? min((u64)pool, work) : 0;
}

/* What @work, taken or done, adds to a balance. */
static inline s64 credit_bytes(u64 work, struct assist_ratio ratio)
{
	return work ? (s64)(1 + fixed_mul(work, ratio.bytes_per_work)) : 0;
}

/* What a thread that leaves with @balance bytes, above zero, returns to the pool: work. */
static inline u64 credit_return(s64 balance, struct assist_ratio ratio)
{
	return balance > 0 ? fixed_mul((u64)balance, ratio.work_per_byte) : 0;
}

/**
 * credit_pay - pay a waiting thread's @balance from *@work that a worker did
 *
 * Return: the new balance; still below zero where the work did not suffice, at
 * most 1 above it else. *@work becomes what is left.
 */
static inline s64 credit_pay(s64 balance, u64 *work, struct assist_ratio ratio)
{
	u64 owed = fixed_mul_up(0 - (u64)balance, ratio.work_per_byte);

	if (*work >= owed) {
		*work -= owed;
		return 0;
	}
	balance += credit_bytes(*work, ratio);
	*work = 0;
	return min(balance, (s64)0);
}

/*
 * The limiter lets a thread off, or it waited as long as it may: beyond @most bytes
 * the debt is forgiven. It is not lost: the heap that it bought counts, and the next
 * revision lays the work on all that is still to be allocated. Kept with the thread
 * it would be asked for twice, and all at once.
 */
static inline s64 credit_forgive(s64 balance, u64 most)
{
	return max(balance, -(s64)min(most, FIXED_MOST));
}

#endif
