// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * A thread registers handlers of fork, as a library that is opened may, while another one forks:
 * the C library allocates with its lock of them held, which fork wants behind Lane's door. A third
 * one, inside a long slow path, has the fork wait in the meantime.
 */
#include "hard.h"

#include <lane/lane.h>

#define OBJECTS 8000
#define SIZE 40000
#define HANDLERS 60 /* the C library has room for 48, and allocates for more */

static void *object[OBJECTS];
static _Atomic int stage; /* 1: about to release, 2: about to fork */
static int calls, round_no;

static void wait_for(int n)
{
	while (atomic_load(&stage) < n)
		sched_yield();
}

static void *release(void *arg)
{
	atomic_store(&stage, 1);
	lane_release(SIZE_MAX);
	return arg;
}

static void count(void)
{
	calls++;
}

static void *register_some(void *arg)
{
	wait_for(2);
	usleep(5000 + round_no % 4 * 3000U); /* the fork waits at the door by now */
	for (int i = 0; i < HANDLERS; i++)
		if (pthread_atfork(NULL, NULL, count))
			return (void *)"not registered";
	return arg;
}

static int forked(void *arg)
{
	return arg || !books_are_exact();
}

static int all_at_once(void *arg)
{
	void *said = NULL;
	pthread_t t[2];
	int status;

	for (int i = 0; i < OBJECTS; i++) {
		object[i] = get(SIZE);
		memset(object[i], 1, SIZE);
	}
	for (int i = 0; i < OBJECTS; i += 2)
		put(object[i]);
	start_thread(&t[0], release, NULL);
	start_thread(&t[1], register_some, NULL);
	wait_for(1);
	usleep(2000);
	atomic_store(&stage, 2);
	status = in_child(forked, arg, PATIENCE);
	for (int i = 0; i < 2; i++) {
		void *message = NULL;

		pthread_join(t[i], &message);
		said = message ? message : said;
	}
	if (said || status)
		return 1;
	calls = 0;
	if (fork() == 0)
		_exit(calls == HANDLERS ? 0 : 3);
	return wait(&status) < 0 || status;
}

int main(int argc, char **argv)
{
	const char *given = getenv("LANE_CONF");
	char conf[100];
	int bad = 0, times = ksft_quick() ? 2 : 5;

	(void)argc;
	if (!getenv("LANE_REGISTERS")) {
		/* Then there is something to release, for tens of milliseconds. */
		snprintf(conf, sizeof(conf), "%s,release_slack:1g", given ? given : "mode:auto");
		setenv("LANE_CONF", conf, 1);
		setenv("LANE_REGISTERS", "1", 1);
		execv("/proc/self/exe", argv);
		return 99;
	}
	ksft_print_header();
	ksft_set_plan(1);
	for (; round_no < times && !bad; round_no++)
		bad = in_child(all_at_once, NULL, PATIENCE);
	ksft_test_result(!bad, "handlers are registered beside a fork, and run in the next: %d",
			 bad);
	ksft_finished();
}
