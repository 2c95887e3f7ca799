// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * Signal handlers fork, in several threads at once, wherever they interrupt malloc, while the
 * main thread forks, too. Nobody waits for ever. The handlers' children allocate and exec or
 * leave; those of the main thread have exact books and fork again.
 */
#include "hard.h"

#define THREADS 4

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static double end;
static _Atomic int forked, bad_children, bad_content;
static _Atomic uint64_t rounds[THREADS];
static _Thread_local timer_t timer;
static _Thread_local uint64_t handled;
static char self[256];

static void arm(long ns)
{
	timer_settime(timer, 0, &(struct itimerspec){.it_value = {0, ns}}, NULL);
}

/* What a handler that forks does in its child: little, then another program or the end. */
static void leave(uint64_t n)
{
	void *p[20];

	alarm(PATIENCE);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = get(i * 100 + 1);
		memset(p[i], 1, i * 100 + 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	if (n % 8 == 0)
		execl(self, self, "leave", NULL);
	_exit(0);
}

static void on_timer(int sig)
{
	int saved = errno, status = -1;
	pid_t pid = fork();

	(void)sig;
	if (pid == 0)
		leave(handled);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || status)
		atomic_fetch_add(&bad_children, 1);
	atomic_fetch_add(&forked, 1);
	handled++;
	/* Only now, so that a slow machine gets to work in between. */
	arm(50000 + (long)(handled * 7919 % 50000));
	errno = saved;
}

static void *work(void *arg)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
	int index = (int)(intptr_t)arg;
	struct held h = {0};
	uint64_t rng = (uint64_t)index * 77 + 1;
	sigset_t mask;

	ev.sigev_notify_thread_id = (int)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0)
		ksft_exit_fail_msg("timer: %s", strerror(errno));
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
	arm(50000);
	while (ksft_now() < end) {
		/* Slow paths mostly: sizes that caches do not keep. */
		for (int i = 0; i < 50; i++)
			put(get(KIB(40) + (size_t)i * 64));
		if (held_change(&h, &rng))
			atomic_fetch_add(&bad_content, 1);
		atomic_fetch_add(&rounds[index], 1);
	}
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	timer_delete(timer);
	if (held_free(&h))
		atomic_fetch_add(&bad_content, 1);
	return NULL;
}

static int nothing(void *arg)
{
	return arg != NULL || !books_are_exact();
}

static int child(void *arg)
{
	if (!books_are_exact())
		return 1;
	return in_child(nothing, arg, PATIENCE) ? 2 : 0;
}

/*
 * A handler's child whose handler returns, with no other thread about: it goes on where the
 * parent was, at any point of malloc, and forks again.
 */
static volatile sig_atomic_t alone_fork;
static int alone_status;

static void on_alone(int sig)
{
	pid_t pid;

	(void)sig;
	if (alone_fork)
		return;
	pid = fork();
	if (pid == 0) {
		alone_fork = 1;
		return;
	}
	while (waitpid(pid, &alone_status, 0) < 0 && errno == EINTR)
		;
	alone_fork = 2;
}

static int goes_on(void *arg)
{
	int rounds = (int)(intptr_t)arg;
	struct sigaction sa = {.sa_handler = on_alone};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	uint64_t rng = 5;
	struct held h = {0};

	alarm(PATIENCE);
	sigaction(SIGUSR1, &sa, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	for (int i = 0; i < rounds; i++) {
		alone_fork = 0;
		alone_status = 0;
		arm(20000 + (long)(i * 7919 % 30000));
		while (!alone_fork) {
			put(get(KIB(40)));
			if (held_change(&h, &rng))
				return 3;
		}
		if (alone_fork == 1)
			_exit(books_are_exact() ? in_child(nothing, NULL, PATIENCE) : 4);
		if (alone_status)
			return WIFEXITED(alone_status) ? 10 + WEXITSTATUS(alone_status) : 5;
	}
	return held_free(&h) ? 3 : 0;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
	int forks = 0, bad = 0, status;
	pthread_t t[THREADS];
	sigset_t mask;

	if (argc > 1)
		return 0;
	snprintf(self, sizeof(self), "%s", argv[0]);
	ksft_print_header();
	ksft_set_plan(5);
	status = in_child(goes_on, (void *)(intptr_t)(ksft_quick() ? 200 : 500), 2 * PATIENCE);
	ksft_test_result(status == 0, "a handler's child goes on and forks again: %d", status);
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	sigaction(SIGALRM, &sa, NULL);
	end = ksft_now() + hard_seconds(2);
	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], work, (void *)(intptr_t)i);
	for (; ksft_now() < end && !bad; forks++)
		bad = in_child(child, NULL, PATIENCE);
	for (int i = 0; i < THREADS; i++) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += PATIENCE;
		if (pthread_timedjoin_np(t[i], NULL, &until)) {
			ksft_line("Bail out! threads hang");
			_exit(KSFT_FAIL);
		}
	}
	ksft_test_result(bad_children == 0 && forked > 0,
			 "%d children of handlers end well, %d do not", forked - bad_children,
			 bad_children);
	ksft_test_result(bad == 0, "%d children of the main thread have exact books", forks);
	ksft_test_result(bad_content == 0, "no block was damaged");
	ksft_test_result(books_are_exact(), "the parent's books are exact");
	ksft_finished();
}
