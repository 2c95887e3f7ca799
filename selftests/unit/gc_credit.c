// SPDX-License-Identifier: MIT
/*
 * Credit for allocation, checked against exact arithmetic of 128 bits: a debt is
 * paid by enough work and by no more than a step too much, work moves a balance
 * up always, no work is lost or invented beyond a byte a sale, and nothing
 * overflows for objects of up to 2 TiB.
 */
#include "unit.h"

#include "credit.h"

#define TRIES (ksft_quick() ? 200000 : 3000000)
#define LARGEST (1ULL << 41)

static uint64_t rng;

static u64 any(unsigned int bits)
{
	return ksft_random(&rng) >> (64 - 1 - ksft_random(&rng) % bits);
}

static struct assist_ratio any_ratio(void)
{
	u64 r = clamp(any(43), ASSIST_RATIO_LEAST, ASSIST_RATIO_MOST);

	return (struct assist_ratio){r, fixed_ratio(FIXED_ONE, r)};
}

/* ceil(@bytes * r), exactly. */
static u64 work_of(u64 bytes, struct assist_ratio r)
{
	unsigned __int128 w = (unsigned __int128)bytes * r.work_per_byte;

	return (u64)((w + FIXED_ONE - 1) / FIXED_ONE);
}

static bool needs_are_exact(void)
{
	for (int i = 0; i < TRIES; i++) {
		u64 debt = 1 + any(41), step = any(20);
		struct assist_ratio r = any_ratio();
		struct credit_need n = credit_need(-(s64)debt, r, step);
		u64 owed = work_of(debt, r);

		if (n.work != max(owed, step) || n.bytes < debt)
			return false;
		if (owed >= step && n.bytes != debt)
			return false;
	}
	return true;
}

/* Who does what it needs is out of debt after three rounds at most, whatever the rounding. */
static bool debts_are_paid(void)
{
	u64 worst = 0;

	for (int i = 0; i < TRIES; i++) {
		s64 balance = -(s64)(1 + any(41));
		struct assist_ratio r = any_ratio();
		u64 rounds = 0;

		for (; balance < 0; rounds++) {
			s64 before = balance;

			balance += credit_bytes(credit_need(balance, r, CREDIT_STEP).work, r);
			if (balance <= before)
				return false;
		}
		worst = max(worst, rounds);
		if (balance > (s64)fixed_mul(CREDIT_STEP, r.bytes_per_work) + 1)
			return false;
	}
	return worst <= 3;
}

/*
 * Many threads buy from one pool and from each other's work, the price moves, threads
 * leave: bytes sold are worth the work done, to a byte a sale.
 */
static bool credit_is_conserved(void)
{
	enum { THREADS = 64 };
	s64 balance[THREADS] = {0}, pool = 0;
	u64 sales = 0, charged = 0;
	double bought = 0, sold = 0; /* bytes at the price of the moment */
	struct assist_ratio r = any_ratio();

	for (int i = 0; i < TRIES; i++) {
		u32 t = ksft_random(&rng) % THREADS;

		if (i % 1000 == 0) {
			r.work_per_byte = FIXED_ONE / 8 + ksft_random(&rng) % (8 * FIXED_ONE);
			r.bytes_per_work = fixed_ratio(FIXED_ONE, r.work_per_byte);
		}
		if (ksft_random(&rng) % 4 == 0)
			pool += ksft_random(&rng) % 4096;
		u64 size = 1 + any(16);

		balance[t] = credit_charge(balance[t], size);
		charged += size;
		while (balance[t] < 0) {
			u64 work = credit_need(balance[t], r, 4096).work;
			u64 taken = credit_take(pool, work);
			s64 bytes = credit_bytes(taken, r) + credit_bytes(work - taken, r);

			pool -= (s64)taken;
			if (pool < 0)
				return false;
			balance[t] += bytes;
			bought += (double)work * (double)FIXED_ONE / (double)r.work_per_byte;
			sold += (double)bytes;
			sales += 2;
		}
		if (ksft_random(&rng) % 1000 == 0) {
			u64 work = credit_return(balance[t], r);

			/* What is returned is worth no more than it was. */
			if (credit_bytes(work, r) > balance[t] + 1)
				return false;
			pool += (s64)work;
			sold -= (double)balance[t];
			bought -= (double)work * (double)FIXED_ONE / (double)r.work_per_byte;
			balance[t] = 0;
			sales += 9;
		}
	}
	for (int t = 0; t < THREADS; t++)
		charged += (u64)balance[t];
	ksft_print_msg("sold %.0f bytes for work worth %.0f in %llu sales", sold, bought,
		       (unsigned long long)sales);
	return sold - bought <= (double)sales && bought - sold <= (double)sales &&
	       (double)charged - sold <= 1 && sold - (double)charged <= 1;
}

/* A worker pays those that wait: nobody gets more than it owes, and no work is lost. */
static bool waiting_are_paid(void)
{
	for (int i = 0; i < TRIES; i++) {
		struct assist_ratio r = any_ratio();
		s64 before = -(s64)(1 + any(41)), after;
		u64 had = any(30), left = had, used;

		after = credit_pay(before, &left, r);
		used = had - left;
		if (left > had || after > 0 || after < before || (after < 0 && left))
			return false;
		/* Paid in full: by what it owed, or by all there was and no more. */
		if (after == 0 && used != min(had, work_of((u64)-before, r)))
			return false;
		if (had && after == before)
			return false;
	}
	return true;
}

static bool take_is_bounded(void)
{
	for (int i = 0; i < TRIES; i++) {
		s64 pool = (s64)any(60) - (s64)any(60);
		u64 work = any(50), taken = credit_take(pool, work);

		if (taken > work || (pool <= 0 && taken) ||
		    (pool > 0 && taken != min(work, (u64)pool)))
			return false;
	}
	return true;
}

static bool forgiven(void)
{
	return credit_forgive(-1000, 10) == -10 && credit_forgive(-5, 10) == -5 &&
	       credit_forgive(7, 10) == 7 && credit_forgive(-1000, 0) == 0 &&
	       credit_forgive(INT64_MIN + 1, UINT64_MAX) == -(s64)FIXED_MOST;
}

/* The extremes: 2 TiB at the highest price, the widest steps at the lowest. */
static bool extremes(void)
{
	struct assist_ratio dear = {ASSIST_RATIO_MOST, FIXED_ONE >> 10};
	struct assist_ratio cheap = {ASSIST_RATIO_LEAST, FIXED_ONE << 20};

	return credit_need(-(s64)LARGEST, dear, 0).work == LARGEST << 10 &&
	       credit_need(INT64_MIN + 1, dear, 0).work == FIXED_MOST &&
	       credit_need(-1, cheap, 1ULL << 40).bytes == 1ULL << 60 &&
	       credit_bytes(1ULL << 40, cheap) == (1LL << 60) + 1 &&
	       credit_bytes(UINT64_MAX, cheap) == (s64)FIXED_MOST + 1 &&
	       credit_charge(0, UINT64_MAX) == -(s64)FIXED_MOST && credit_bytes(0, cheap) == 0;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(7);
	rng = ksft_seed() | 1;
	ksft_test_result(needs_are_exact(), "a debt asks for its work, rounded up, or for a step");
	ksft_test_result(debts_are_paid(), "the work that is asked for pays the debt");
	ksft_test_result(credit_is_conserved(), "bytes sold are worth the work done");
	ksft_test_result(waiting_are_paid(), "waiting threads get what they owe, and no more");
	ksft_test_result(take_is_bounded(), "no more is taken than is there, or than is needed");
	ksft_test_result(forgiven(), "forgiving ends at its bound, and takes no credit");
	ksft_test_result(extremes(), "2 TiB at the highest and the lowest price do not overflow");
	ksft_finished();
}
