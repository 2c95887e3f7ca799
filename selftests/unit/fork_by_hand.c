// SPDX-License-Identifier: MIT
/*
 * Who forks meets another fork, at each place where one has to wait for the other: one in a
 * handler that interrupted a slow path, which goes first, and one that has closed the door. And
 * one whose handler interrupted the holder of a lock meets who waits for that, and one that exits
 * meets a fork, which holds what its functions want. Done by hand, with the steps of the other one.
 */
#include "unit.h"

#include <semaphore.h>

#include "slow_path.h"
#include "snapshot.h"

static sem_t ready, forking, over;
static bool left;

/* Long enough for the other thread to come and wait. What is shown does not depend on it. */
static void let_wait(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	WRITE_ONCE(left, true);
}

/* A handler in a slow path is about to fork, while a lock is held that it does without. */
static void *fork_in_handler(void *arg)
{
	(void)arg;
	snapshot_lock();
	slow_enter_always();
	slow_fork_begin();
	sem_post(&ready);
	sem_wait(&forking);
	let_wait();
	slow_open(false); /* what ends a fork in the parent */
	slow_exit();
	snapshot_unlock();
	sem_wait(&over);
	return NULL;
}

/* Runs before Lane's own. */
static void prepare(void)
{
	sem_post(&forking);
}

static void test_gives_way(void)
{
	int status = -1;
	pthread_t t;
	pid_t pid;

	WRITE_ONCE(left, false);
	start_thread(&t, fork_in_handler, NULL);
	sem_wait(&ready);
	pid = fork();
	if (!pid)
		_exit(READ_ONCE(left) && unit_books_right() ? 0 : 1);
	waitpid(pid, &status, 0);
	sem_post(&over);
	pthread_join(t, NULL);
	ksft_test_result(status == 0 && unit_books_right(),
			 "a fork makes way for one in a handler, then goes on (%#x)", status);
}

static void *close_door(void *arg)
{
	(void)arg;
	slow_close(FORKER_PATIENCE_MS);
	sem_post(&ready);
	let_wait();
	slow_open(false);
	return NULL;
}

static void test_door(void)
{
	bool waited;
	pthread_t t;

	WRITE_ONCE(left, false);
	start_thread(&t, close_door, NULL);
	sem_wait(&ready);
	waited = slow_close(1000) && READ_ONCE(left);
	slow_open(false);
	pthread_join(t, NULL);
	lane_free(lane_malloc(100));
	ksft_test_result(waited && unit_books_right(), "one that finds the door closed waits");
}

static struct spinlock lock = SPINLOCK_INIT(RANK_CENTRAL);
static int child_status = -1;

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

static void on_signal(int sig)
{
	pid_t pid = fork();

	(void)sig;
	if (!pid) {
		void *p = lane_malloc(1000);

		memset(p, 1, 1000);
		lane_free(p);
		_exit(0);
	}
	waitpid(pid, &child_status, 0);
}

static void test_holder(void)
{
	pthread_t t;

	signal(SIGUSR1, on_signal);
	slow_enter_always();
	spin_lock(&lock);
	start_thread(&t, take_lock, NULL);
	sem_wait(&ready);
	raise(SIGUSR1);
	spin_unlock(&lock);
	slow_exit();
	pthread_join(t, NULL);
	ksft_test_result(child_status == 0 && unit_books_right(),
			 "a handler forks though a thread waits for what it interrupted (%#x)",
			 child_status);
}

#define PLACES 64 /* for forkers */

static sem_t begun, end;

static void *be_forker(void *arg)
{
	slow_enter_always();
	slow_fork_begin();
	sem_post(&begun);
	sem_wait(arg);
	slow_open(false);
	slow_exit();
	return NULL;
}

/* More than there are places for. The last one's is there when the others are gone. */
static void test_many(void)
{
	pthread_t t[PLACES], last;
	bool waited, known;
	sem_t last_end;

	sem_init(&begun, 0, 0);
	sem_init(&end, 0, 0);
	sem_init(&last_end, 0, 0);
	for (int i = 0; i < PLACES; i++)
		start_thread(&t[i], be_forker, &end);
	for (int i = 0; i < PLACES; i++)
		sem_wait(&begun);
	start_thread(&last, be_forker, &last_end);
	let_wait();
	waited = sem_trywait(&begun) != 0;
	for (int i = 0; i < PLACES; i++)
		sem_post(&end);
	for (int i = 0; i < PLACES; i++)
		pthread_join(t[i], NULL);
	if (waited)
		sem_wait(&begun);
	known = slow_forkers();
	sem_post(&last_end);
	pthread_join(last, NULL);
	ksft_test_result(waited && known && !slow_forkers() && unit_books_right(),
			 "of many handlers that fork at once a fork makes way for each");
}

static void *be_long(void *arg)
{
	(void)arg;
	slow_enter_always();
	sem_post(&ready);
	nanosleep(&(struct timespec){.tv_nsec = 700000000}, NULL);
	WRITE_ONCE(left, true);
	slow_exit();
	sem_wait(&over);
	return NULL;
}

/* A fork opens the door meanwhile, for others, and comes back. */
static void test_long(void)
{
	int status = -1;
	pthread_t t;
	pid_t pid;

	WRITE_ONCE(left, false);
	start_thread(&t, be_long, NULL);
	sem_wait(&ready);
	pid = fork();
	if (!pid)
		_exit(READ_ONCE(left) && unit_books_right() ? 0 : 1);
	waitpid(pid, &status, 0);
	sem_post(&over);
	pthread_join(t, NULL);
	ksft_test_result(status == 0 && unit_books_right(),
			 "a fork waits for a slow path that takes its time (%#x)", status);
}

static void *just_fork(void *arg)
{
	(void)arg;
	if (!fork())
		_exit(0);
	return NULL;
}

static FILE *stream;

/* As a function of exit does: with the lock of all streams, which fork() wants, too. */
static void close_stream(void)
{
	fclose(stream);
}

static void *read_for_ever(void *arg)
{
	(void)arg;
	snapshot_lock();
	sem_post(&ready);
	sem_wait(&over);
	return NULL;
}

static int forks = 1;

/* A handler that interrupted a slow path, while others fork and wait for its end. */
static void exit_in_handler(void)
{
	pthread_t t;

	alarm(20);
	slow_enter_always();
	for (int i = 0; i < forks; i++)
		start_thread(&t, just_fork, NULL);
	for (int i = 0; i < forks; i++)
		sem_wait(&forking);
	let_wait();
	exit(0);
}

static void exit_with_stream(void)
{
	stream = fopen("/dev/null", "r");
	atexit(close_stream);
	exit_in_handler();
}

#define STREAMS 20

static FILE *streams[STREAMS];

/* With a rest after each, in which another fork has the lock if it may. */
static void close_streams(void)
{
	for (int i = 0; i < STREAMS; i++) {
		fclose(streams[i]);
		usleep(1000);
	}
}

/* Three forks, which would have it by turns. */
static void exit_with_streams(void)
{
	for (int i = 0; i < STREAMS; i++)
		streams[i] = fopen("/dev/null", "r");
	atexit(close_streams);
	forks = 3;
	exit_in_handler();
}

/* The fork waits for a lock whose holder waits for the slow path. */
static void exit_beside_reader(void)
{
	pthread_t t;

	start_thread(&t, read_for_ever, NULL);
	sem_wait(&ready);
	exit_with_stream();
}

static int end_of(void (*fn)(void))
{
	int status = -1;
	pid_t pid;

	while (!sem_trywait(&forking))
		;
	fflush(stdout);
	pid = fork();
	sem_wait(&forking);
	if (!pid)
		fn();
	waitpid(pid, &status, 0);
	return status;
}

static void test_exit(void)
{
	int status = end_of(exit_in_handler);

	ksft_test_result(status == 0, "a handler ends the process beside a fork (%#x)", status);
	status = end_of(exit_with_stream);
	ksft_test_result(status == 0, "also where a function of exit closes a stream (%#x)",
			 status);
	status = end_of(exit_with_streams);
	ksft_test_result(status == 0, "or many, beside many forks (%#x)", status);
	status = end_of(exit_beside_reader);
	ksft_test_result(status == 0, "and the fork waits for a reader (%#x)", status);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(9);
	sem_init(&ready, 0, 0);
	sem_init(&forking, 0, 0);
	sem_init(&over, 0, 0);
	lane_free(lane_malloc(100));
	pthread_atfork(prepare, NULL, NULL);
	test_gives_way();
	test_door();
	test_holder();
	test_many();
	test_long();
	test_exit();
	ksft_finished();
}
