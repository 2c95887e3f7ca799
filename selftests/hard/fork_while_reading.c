// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * A thread reads statistics without a pause, and a handler that interrupts it forks. Beside another
 * thread that forks nobody waits for ever; and where the handler's child returns from it, its
 * reading ends well although a thread of Lane's own reads there, too.
 */
#include "hard.h"

#include <malloc.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static double end;
static timer_t timer;
static _Atomic uint64_t by_handler, by_main, reads;
static _Atomic int bad;

static void arm(long ns)
{
	timer_settime(timer, 0, &(struct itimerspec){.it_value = {0, ns}}, NULL);
}

static void fork_once(_Atomic uint64_t *count)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || status)
		atomic_fetch_add(&bad, 1);
	atomic_fetch_add(count, 1);
}

static void on_timer(int sig)
{
	(void)sig;
	fork_once(&by_handler);
	arm(300000 + (long)(by_handler * 7919 % 500000));
}

static void *read_on(void *arg)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};

	ev.sigev_notify_thread_id = (int)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0)
		ksft_exit_fail_msg("timer: %s", strerror(errno));
	arm(500000);
	while (ksft_now() < end) {
		struct mallinfo2 m = mallinfo2();

		if (m.uordblks > m.arena + m.hblkhd)
			atomic_fetch_add(&bad, 1);
		atomic_fetch_add(&reads, 1);
	}
	timer_delete(timer);
	return arg;
}

static int beside_forks(void *arg)
{
	struct sigaction sa = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
	pthread_t t;

	alarm(PATIENCE);
	sigaction(SIGUSR1, &sa, NULL);
	end = ksft_now() + hard_seconds(3);
	start_thread(&t, read_on, NULL);
	while (ksft_now() < end)
		fork_once(&by_main);
	pthread_join(t, NULL);
	ksft_print_msg("%llu forks by the handler, %llu beside it, %llu readings",
		       (unsigned long long)by_handler, (unsigned long long)by_main,
		       (unsigned long long)reads);
	return arg || bad || !by_handler || !by_main || !books_are_exact();
}

/* The statistics file's thread, which the child has at once, reads while the handler rests. */
static volatile sig_atomic_t is_child, children, died;

static void on_alarm(int sig)
{
	pid_t pid = fork();
	int status = -1;

	(void)sig;
	if (pid == 0) {
		alarm(PATIENCE);
		is_child = 1;
		usleep(30000);
		return;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	children++;
	died += status != 0;
	arm(700000 + (long)children * 7919 % 50 * 10000);
}

static int child_reads_on(void *arg)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	int want = ksft_quick() ? 10 : 30;

	(void)arg;
	alarm(PATIENCE);
	sigaction(SIGUSR1, &sa, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	arm(700000);
	while (children < want) {
		struct mallinfo2 m = mallinfo2();

		if (is_child)
			_exit(m.uordblks > m.arena + m.hblkhd);
	}
	ksft_print_msg("%d children, %d ended otherwise", (int)children, (int)died);
	return died != 0;
}

int main(int argc, char **argv)
{
	const char *given = getenv("LANE_CONF"), *file = getenv("LANE_READING");
	char conf[200], path[60];

	(void)argc;
	if (!file) {
		snprintf(path, sizeof(path), "/tmp/lane-reading-%d", (int)getpid());
		snprintf(conf, sizeof(conf), "%s,stats_file:%s,stats_interval_ms:10",
			 given ? given : "mode:auto", path);
		setenv("LANE_CONF", conf, 1);
		setenv("LANE_READING", path, 1);
		execv("/proc/self/exe", argv);
		return 99;
	}
	ksft_print_header();
	ksft_set_plan(2);
	ksft_test_result(in_child(beside_forks, NULL, PATIENCE) == 0,
			 "a handler forks while its thread reads, beside other forks");
	ksft_test_result(in_child(child_reads_on, NULL, PATIENCE) == 0,
			 "its child returns and reads on, beside the statistics file");
	unlink(file);
	ksft_finished();
}
