// SPDX-License-Identifier: MIT
/*
 * The hook of peaks while many threads raise and lower what is in use at once: no
 * rise by more than the step escapes it, and it is called no more often than there
 * are steps; not while use is below what it was called for.
 */
#include "unit.h"

#include "atomic.h"
#include "prof_sample.h"
#include "prof_site.h"

#define THREADS 2
#define STEP (1 << 20)
#define RISE (3 << 20) /* bytes of a sample: each is a peak by itself */
#define ROUNDS 10000u
#define SECONDS (ksft_quick() ? 1 : 2) /* for them: each waits for all CPUs to be there */
#define BURST 4			       /* rises of a thread in a round */
#define CHURNS 500000

static const struct prof_sample sample = {.size = RISE, .weight = 1 << PROF_WEIGHT_SHIFT};
static u64 arrived;	/* threads at any meeting so far */
static u64 calls, seen; /* by the hook: its calls, the most that was in use at one */

static void on_peak(void)
{
	u64 now = (u64)READ_ONCE(prof_inuse), old = READ_ONCE(seen);

	atomic_add_return(&calls, 1);
	while (now > old) {
		u64 was = atomic_cmpxchg(&seen, old, now);

		if (was == old)
			break;
		old = was;
	}
}

/* Meeting number @n of the threads; they leave at one instant, where there are CPUs enough. */
static void meet(u64 n)
{
	atomic_add_return(&arrived, 1);
	for (int i = 0; READ_ONCE(arrived) < n * THREADS; i++) {
		if (i % 100 == 99)
			sched_yield();
	}
}

static u64 rounds;	/* done; by the first thread, between two meetings */
static bool last_round; /* likewise */

static void *rise(void *arg)
{
	static u32 started;
	int *escaped = arg;
	time_t begin = time(NULL);
	const u32 number = atomic_add_return(&started, 1);

	unit_pin(number);
	for (u64 i = 0; !READ_ONCE(last_round); i++) {
		meet(3 * i + 1);
		for (int k = 0; k < BURST; k++)
			prof_count_taken(&sample);
		meet(3 * i + 2);
		*escaped += READ_ONCE(seen) + STEP < (u64)READ_ONCE(prof_inuse);
		if (number == 1) {
			rounds = i + 1;
			WRITE_ONCE(last_round, rounds == ROUNDS || time(NULL) > begin + SECONDS);
		}
		meet(3 * i + 3);
	}
	return NULL;
}

/* Objects that come and go, a few in use at a time. */
static void *churn(void *arg)
{
	(void)arg;
	for (int i = 0; i < CHURNS; i++) {
		prof_count_taken(&sample);
		prof_count_freed(&sample);
	}
	return NULL;
}

static void run(void *(*fn)(void *), int *arg)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		start_thread(&thread[i], fn, arg ? arg + i : NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

static void test_rises(void)
{
	int escaped[THREADS] = {0};
	u64 top;

	run(rise, escaped);
	top = rounds * BURST * THREADS * RISE;
	ksft_print_msg("%llu calls for %llu rises", (unsigned long long)calls,
		       (unsigned long long)(rounds * BURST * THREADS));
	ksft_test_result((u64)prof_inuse == top && !escaped[0] && !escaped[1],
			 "threads that rise at once: none by more than the step escapes the hook");
	ksft_test_result(calls >= rounds && calls <= rounds * BURST * THREADS && seen <= top,
			 "a call for each rise at most");
}

static void test_below(void)
{
	const u64 falls = rounds * BURST; /* half of all */
	u64 before;

	/* One peak for sure, whatever the last race has left; then far below it. */
	WRITE_ONCE(prof_peak_step, 0);
	prof_count_taken(&sample);
	for (u64 i = 0; i < falls; i++)
		prof_count_freed(&sample);
	before = calls;
	run(churn, NULL);
	ksft_test_result(calls == before, "below the highest so far nothing is a peak");
	for (u64 i = 0; i < falls - 1; i++)
		prof_count_taken(&sample);
	ksft_test_result(calls == before, "nor on the way up to it");
	for (int i = 0; i < THREADS + 2; i++)
		prof_count_taken(&sample);
	ksft_test_result(calls > before && seen == (u64)prof_inuse, "above it there is one again");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(5);
	lane_free(lane_malloc(1));
	prof_peak_step = STEP;
	prof_peak_hook = on_peak;
	test_rises();
	test_below();
	ksft_finished();
}
