// SPDX-License-Identifier: MIT
/*
 * The lock lets one thread in at a time, also when many more threads than CPUs
 * want it and holders sleep with it; nobody is left asleep.
 */
#include "unit.h"

#include "spinlock.h"

#define THREADS 16
#define ROUNDS 20000

static struct spinlock lock = SPINLOCK_INIT(RANK_META);
static int inside;
static uint64_t plain, tried;
static bool two;

static void critical(uint64_t n)
{
	two |= inside++ != 0;
	plain++;
	if (n % 500 == 0)
		sched_yield();
	if (n % 5000 == 0)
		usleep(100);
	inside--;
}

static void *locker(void *arg)
{
	uint64_t rng = (uintptr_t)arg;

	for (uint64_t n = 1; n <= ROUNDS; n++) {
		if (ksft_random(&rng) % 4 == 0 && spin_trylock(&lock))
			tried++;
		else
			spin_lock(&lock);
		critical(n);
		spin_unlock(&lock);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(3);
	rng = ksft_seed() | 1;
	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], locker, (void *)(uintptr_t)(ksft_random(&rng) | 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%llu of %d taken by trylock", (unsigned long long)tried, THREADS * ROUNDS);
	ksft_test_result(!two && plain == THREADS * ROUNDS, "one thread at a time");
	ksft_test_result(lock.word == 0, "free in the end");
	spin_lock(&lock);
	errno = 7;
	ksft_test_result(!spin_trylock(&lock) && errno == 7, "trylock of a held lock fails");
	ksft_finished();
}
