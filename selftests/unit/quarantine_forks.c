// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=check:full,mode:lock
/*
 * Forks with check:full where somebody is in the middle of a change of his quarantine and cannot
 * get out of it, as his handler forks, too; where the child has quarantines of threads that it does
 * not have, and cannot let them go at once; and where who forks frees while quarantines are closed.
 * Done by hand, with the steps of the other one. Each in a child, which ends if it hangs.
 */
#include "unit.h"

#include <semaphore.h>

#include "quarantine_ring.h"
#include "slow_path.h"

#define SIZE 100
#define OTHER_SIZE 3000
#define PATIENCE 20 /* seconds */

static sem_t ready, over;

static int begin(void *fn)
{
	sem_init(&ready, 0, 0);
	sem_init(&over, 0, 0);
	return ((int (*)(void))fn)();
}

static bool right_in_child(int (*fn)(void))
{
	fflush(stdout);
	return in_child(begin, (void *)fn, PATIENCE) == 0;
}

/* Into the middle of a change, or out of it: a handler has interrupted it meanwhile. */
static void change_quarantine(void)
{
	smp_store_release(&quarantine_mine->seq, quarantine_mine->seq + 1);
}

static bool all_right(void)
{
	return unit_books_right() && unit_live() == 0;
}

/* The status of a child that looks at what it has, and where it was forked by a handler returns. */
static int fork_and_look(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(PATIENCE);
		if (quarantine_interrupted())
			change_quarantine();
		_exit(!all_right());
	}
	waitpid(pid, &status, 0);
	return status;
}

static void *fork_when_closed(void *arg)
{
	lane_free(lane_malloc(SIZE));
	change_quarantine();
	sem_post(&ready);
	while (!READ_ONCE(quarantine_closed))
		sched_yield();
	*(int *)arg = fork_and_look();
	change_quarantine();
	sem_post(&ready);
	sem_wait(&over);
	return NULL;
}

/* The fork from outside waits for the change, the handler for the door. */
static int beside_outside(void)
{
	int status = -1, handler = -1;
	pthread_t t;

	start_thread(&t, fork_when_closed, &handler);
	sem_wait(&ready);
	status = fork_and_look();
	sem_wait(&ready);
	sem_post(&over);
	pthread_join(t, NULL);
	return status || handler || !all_right();
}

/* A handler is about to fork: until then its thread's change stays as it is. */
static void *be_forker(void *arg)
{
	(void)arg;
	lane_free(lane_malloc(OTHER_SIZE));
	change_quarantine();
	slow_fork_begin();
	sem_post(&ready);
	sem_wait(&over);
	slow_open(false); /* what ends a fork in the parent */
	change_quarantine();
	return NULL;
}

static pthread_t start_forker(void)
{
	pthread_t t;

	start_thread(&t, be_forker, NULL);
	sem_wait(&ready);
	return t;
}

static bool end_forker(pthread_t t)
{
	sem_post(&over);
	pthread_join(t, NULL);
	return !slow_forkers() && all_right();
}

static int beside_handler(void)
{
	pthread_t t = start_forker();
	int status;

	lane_free(lane_malloc(SIZE));
	change_quarantine();
	status = fork_and_look();
	change_quarantine();
	return status || !end_forker(t);
}

/* The same from within a slow path, so that the child cannot look after quarantines at once. */
static int from_within(void)
{
	pthread_t t = start_forker();
	int status = -1;
	pid_t pid;

	slow_enter_always();
	pid = fork();
	slow_exit();
	if (!pid)
		_exit(!all_right());
	waitpid(pid, &status, 0);
	return status || !end_forker(t);
}

static struct spinlock lock = SPINLOCK_INIT(RANK_CENTRAL);

static void *hold_lock(void *arg)
{
	(void)arg;
	slow_enter_always();
	spin_lock(&lock);
	slow_fork_begin();
	sem_post(&ready);
	sem_wait(&over);
	slow_open(false);
	spin_unlock(&lock);
	slow_exit();
	return NULL;
}

static void *take_lock(void *arg)
{
	(void)arg;
	slow_enter_always();
	sem_post(&ready);
	spin_lock(&lock);
	spin_unlock(&lock);
	slow_exit();
	return NULL;
}

/* One handler interrupted the holder of a lock, for which a thread waits, one its quarantine. */
static int beside_sleeper(void)
{
	pthread_t holder, sleeper;
	int status = -1;
	pid_t pid;

	lane_free(lane_malloc(SIZE));
	start_thread(&holder, hold_lock, NULL);
	sem_wait(&ready);
	start_thread(&sleeper, take_lock, NULL);
	sem_wait(&ready);
	change_quarantine();
	pid = fork();
	if (!pid) {
		void *p = lane_malloc(KIB(100));

		alarm(PATIENCE);
		memset(p, 1, KIB(100));
		lane_free(p);
		lane_free(lane_malloc(SIZE));
		_exit(0);
	}
	change_quarantine();
	waitpid(pid, &status, 0);
	sem_post(&over);
	pthread_join(holder, NULL);
	pthread_join(sleeper, NULL);
	return status || slow_forkers() || !all_right();
}

static void *hold_objects(void *arg)
{
	for (int i = 0; i < 3; i++)
		lane_free(lane_malloc(SIZE));
	*(struct quarantine **)arg = quarantine_mine;
	sem_post(&ready);
	sem_wait(&over);
	return NULL;
}

/* What a thread of the parent held is nobody's in the child, and the next to free takes it over. */
static int taken_over(void)
{
	struct quarantine *q = NULL;
	int status = -1;
	pthread_t t;
	pid_t pid;

	start_thread(&t, hold_objects, &q);
	sem_wait(&ready);
	slow_enter_always();
	pid = fork();
	slow_exit();
	if (!pid) {
		if (quarantine_mine)
			_exit(2);
		lane_free(lane_malloc(SIZE));
		_exit(quarantine_mine != q || !all_right());
	}
	waitpid(pid, &status, 0);
	sem_post(&over);
	pthread_join(t, NULL);
	return status || !all_right();
}

/* As a handler of fork does that runs behind Lane's: in a program that has opened Lane late. */
static int free_while_closed(void)
{
	void *p = lane_malloc(SIZE), *other = lane_malloc(SIZE);
	u64 held;

	lane_free(other);
	held = quarantine_mine->ring[ring_of(addr_to_home(p), span_of(p)->cls)].head;
	if (!slow_close(1000) || !quarantine_close(1000))
		return 2;
	lane_free(p);
	quarantine_open();
	slow_open(false);
	held = quarantine_mine->ring[ring_of(addr_to_home(p), span_of(p)->cls)].head - held;
	return held != 1 || !all_right();
}

int main(int argc, char **argv)
{
	(void)argc;
	unit_conf(argv, "check:full");
	ksft_print_header();
	ksft_set_plan(6);
	ksft_test_result(right_in_child(beside_outside),
			 "a fork makes way for a handler that interrupted a quarantine");
	ksft_test_result(right_in_child(beside_handler), "two such handlers fork");
	ksft_test_result(right_in_child(from_within),
			 "so do one from within a slow path and one such");
	ksft_test_result(right_in_child(beside_sleeper),
			 "one such beside a thread that waits for what the other interrupted");
	ksft_test_result(right_in_child(taken_over),
			 "a quarantine that a fork could not let go is taken over in the child");
	ksft_test_result(right_in_child(free_while_closed), "who forks may free until it is done");
	ksft_finished();
}
