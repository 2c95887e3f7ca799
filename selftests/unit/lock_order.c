// SPDX-License-Identifier: MIT
/* The check of lock order in debug builds: what it allows, and what it dies of. */
#ifndef LANE_DEBUG
#define LANE_DEBUG
#endif

#include "unit.h"

#include "../../kern_like/lockdep.c"

static struct spinlock locks[] = {
	{.rank = RANK_LANE}, {.rank = RANK_LANE}, {.rank = RANK_CENTRAL}, {.rank = RANK_META}};

static void by_rising_rank(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(locks); i++)
		lockdep_acquire(&locks[i]);
	lockdep_assert_held(&locks[2]);
	/* Given back in any order. */
	lockdep_release(&locks[1]);
	lockdep_release(&locks[3]);
	lockdep_release(&locks[0]);
	lockdep_release(&locks[2]);
	lockdep_acquire(&locks[3]);
	lockdep_release(&locks[3]);
}

static void by_falling_rank(void *arg)
{
	(void)arg;
	lockdep_acquire(&locks[2]);
	lockdep_acquire(&locks[0]);
}

static void same_rank_falling(void *arg)
{
	(void)arg;
	lockdep_acquire(&locks[1]);
	lockdep_acquire(&locks[0]);
}

static void not_held(void *arg)
{
	(void)arg;
	lockdep_acquire(&locks[0]);
	lockdep_assert_held(&locks[1]);
}

static void given_back_twice(void *arg)
{
	(void)arg;
	lockdep_acquire(&locks[0]);
	lockdep_release(&locks[0]);
	lockdep_release(&locks[0]);
}

static bool dies_saying(void (*fn)(void *), const char *words)
{
	char text[512];
	int status = unit_stderr_of(fn, NULL, text, sizeof(text));

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, words))
		return true;
	ksft_print_msg("status %#x: %s", status, text);
	return false;
}

int main(void)
{
	char text[512];

	ksft_print_header();
	ksft_set_plan(5);
	ksft_test_result(!unit_stderr_of(by_rising_rank, NULL, text, sizeof(text)) && !*text,
			 "by rising rank and address");
	ksft_test_result(dies_saying(by_falling_rank, "lane: lock order: rank"), "falling rank");
	ksft_test_result(dies_saying(same_rank_falling, "lane: lock order: rank"),
			 "one rank by falling address");
	ksft_test_result(dies_saying(not_held, "must be held"), "a lock that must be held is not");
	ksft_test_result(dies_saying(given_back_twice, "released but not held"),
			 "a lock that is given back twice");
	ksft_finished();
}
