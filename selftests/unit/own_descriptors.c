// SPDX-License-Identifier: MIT
/*
 * Lane's threads have descriptors of their own: the program finds its table as it left it, may use
 * any number at any moment, and whoever waits for the end of one of its files gets it. Messages go
 * to the stderr that the process has at that moment.
 */
#include "unit.h"

#include <fcntl.h>
#include <lane/lane_gc.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../api/filter.h"
#include "../api/serve.h"
#include "../api/thread_names.h"

#include "bug.h"
#include "os.h"
#include "os_net.h"
#include "thread.h"

#define NUMBERS 512 /* those below are looked at */
#define TURNS 200

static char text[1 << 16];

static bool answers(void)
{
	return serve_read(getpid(), "heapinfo", text, sizeof(text)) > 0;
}

/* A bit for each that is open. */
static void open_numbers(u8 open[NUMBERS])
{
	for (int fd = 0; fd < NUMBERS; fd++)
		open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static bool table_is(const u8 before[NUMBERS])
{
	u8 now[NUMBERS];

	open_numbers(now);
	for (int fd = 0; fd < NUMBERS; fd++)
		if (now[fd] != before[fd])
			ksft_print_msg("number %d was %s", fd, before[fd] ? "open" : "free");
	return memcmp(now, before, sizeof(now)) == 0;
}

/* While a peer of the service is connected. */
static bool child_has_none(const u8 before[NUMBERS])
{
	int status = -1, silent = serve_connect(getpid());
	pid_t pid = silent < 0 ? -1 : fork();

	if (pid == 0) {
		close(silent);
		_exit(table_is(before) ? 0 : 1);
	}
	close(silent);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool table_is_untouched(void)
{
	u8 before[NUMBERS];
	bool good = true;

	open_numbers(before);
	for (int i = 0; i < TURNS; i++) {
		good &= lane_serve_start() == 0 && table_is(before) && answers() &&
			table_is(before);
		if (i % 8)
			good &= lane_serve_stop() == 0 && table_is(before);
	}
	good &= lane_serve_start() == 0;
#ifndef __SANITIZE_THREAD__ /* it allows the child no thread, and the child serves */
	good &= child_has_none(before);
#else
	(void)child_has_none;
#endif
	return good && lane_serve_stop() == 0;
}

/* Each is there to be taken: dup2() gives EBUSY where another thread is about to open it. */
static bool all_numbers_are_free(void)
{
	bool good = true;
	int error = 0, file = open("/dev/null", O_RDWR);

	for (int i = 0; i < TURNS && good; i++) {
		good &= lane_serve_start() == 0;
		for (int round = 0; round < 4; round++) {
			for (int fd = 10; fd < NUMBERS; fd++) {
				good &= dup2(file, fd) == fd;
				error = good ? 0 : errno;
			}
			for (int fd = 10; fd < NUMBERS; fd++)
				close(fd);
		}
		good &= answers() && lane_serve_stop() == 0;
	}
	if (!good)
		ksft_print_msg("error %d", error);
	close(file);
	return good;
}

/* What was open as the service started is not held open by it. */
static bool ends_are_seen(void)
{
	int pipe_of[2];
	struct pollfd end;
	bool good;

	if (pipe(pipe_of))
		return false;
	good = lane_serve_start() == 0;
	close(pipe_of[1]);
	end = (struct pollfd){.fd = pipe_of[0], .events = POLLIN};
	good &= poll(&end, 1, SERVE_PATIENCE * 1000) == 1 && (end.revents & POLLHUP);
	close(pipe_of[0]);
	return good && answers() && lane_serve_stop() == 0;
}

/* Also where no name leads to it any more. */
static bool stops_at_once(void)
{
	char path[128];
	double began;
	bool good = lane_serve_start() == 0;

	/* It has looked and will not for some seconds. */
	usleep(1700000);
	serve_path(getpid(), path, sizeof(path));
	good &= unlink(path) == 0;
	began = ksft_now();
	good &= lane_serve_stop() == 0;
	ksft_print_msg("it took %.3f s", ksft_now() - began);
	return good && ksft_now() - began < 1;
}

static bool own;
static u32 said; /* atomic */

static void *speaker(void *arg)
{
	(void)arg;
	own = thread_own_files(true);
	__atomic_store_n(&said, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&said, __ATOMIC_ACQUIRE) != 2)
		usleep(1000);
	pr_err("a message of a thread");
	return NULL;
}

/* stderr becomes another file after the thread has started: that is where it is said. */
static bool messages_arrive(void)
{
	int pipe_of[2], old = dup(2);
	pthread_t thread;
	ssize_t n;
	bool good;

	__atomic_store_n(&said, 0, __ATOMIC_RELEASE);
	if (pipe(pipe_of) || thread_start(&thread, speaker, NULL))
		return false;
	while (!__atomic_load_n(&said, __ATOMIC_ACQUIRE))
		usleep(1000);
	dup2(pipe_of[1], 2);
	close(pipe_of[1]);
	__atomic_store_n(&said, 2, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	dup2(old, 2);
	close(old);
	n = read(pipe_of[0], text, sizeof(text));
	good = own && n == 28 && memcmp(text, "lane: a message of a thread\n", 28) == 0;
	/* Nobody holds the other end. */
	good &= read(pipe_of[0], text, sizeof(text)) == 0;
	close(pipe_of[0]);
	return good;
}

/* Where a filter refuses what it takes to reach that, a thread says it where it was, and shares. */
static bool messages_arrive_past(int call)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		memset(text, 0, sizeof(text));
		filter_calls(&call, 1, SECCOMP_RET_ERRNO | EPERM);
		messages_arrive();
		_exit(!own && !memcmp(text, "lane: a message of a thread\n", 28) ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static double cpu_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The signal that wakes the service is the program's, too, which may block it in all threads. */
static bool leaves_signals(void)
{
	struct timespec none = {0};
	sigset_t urgent, old, pending;
	double cpu, began;
	bool good;

	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	pthread_sigmask(SIG_BLOCK, &urgent, &old);
	good = lane_serve_start() == 0 && kill(getpid(), SIGURG) == 0;
	cpu = cpu_time();
	usleep(500000);
	cpu = cpu_time() - cpu;
	good &= answers() && sigpending(&pending) == 0 && sigismember(&pending, SIGURG);
	began = ksft_now();
	good &= lane_serve_stop() == 0;
	ksft_print_msg("%.3f s of CPU time in 0.5 s, and it stops after %.3f s", cpu,
		       ksft_now() - began);
	good &= cpu < 0.2 && ksft_now() - began < 1;
	good &= sigtimedwait(&urgent, NULL, &none) == SIGURG;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return good;
}

/* A thread's name takes none of the program's numbers either: here none is free. */
static bool names_take_none(void)
{
	struct rlimit none = {0}, old;
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		bool good;

		getrlimit(RLIMIT_NOFILE, &old);
		none.rlim_max = old.rlim_max;
		setrlimit(RLIMIT_NOFILE, &none);
		good = lane_gc_init(NULL) == 0;
		setrlimit(RLIMIT_NOFILE, &old);
		for (int i = 0; i < 1000 && threads_named("lane-gc") <= 0; i++)
			usleep(2000);
		_exit(good && threads_named("lane-gc") > 0 ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int refused(void)
{
	return -EPERM;
}

static int refuse_signal(int sig)
{
	(void)sig;
	return -EMFILE;
}

static int no_socket(void)
{
	return -EMFILE;
}

/* A start that fails leaves nothing for the next one, which has another table. */
static bool starts_after_failure(void)
{
	int (*const unshare)(void) = os.unshare_files;
	int (*const open_socket)(void) = os_net.socket;
	int silent[2], old = dup(0);
	double began;
	bool good;

	/* What the program has at the number of the first one's. */
	if (pipe(silent) || dup2(silent[0], 0))
		return false;
	os_net.socket = no_socket;
	good = lane_serve_start() == -EMFILE;
	os_net.socket = open_socket;
	os.unshare_files = refused;
	good &= lane_serve_start() == 0 && answers();
	usleep(1700000); /* as above */
	began = ksft_now();
	good &= lane_serve_stop() == 0;
	ksft_print_msg("it took %.3f s", ksft_now() - began);
	os.unshare_files = unshare;
	dup2(old, 0);
	close(old);
	close(silent[0]);
	close(silent[1]);
	return good && ksft_now() - began < 1;
}

/* The service works all the same, and stops, though nothing can wake it. */
static bool works_without(void)
{
	int (*const unshare)(void) = os.unshare_files;
	int (*const signal)(int) = os_net.signal;
	bool good;

	os.unshare_files = refused;
	good = lane_serve_start() == 0 && answers() && lane_serve_stop() == 0;
	os.unshare_files = unshare;
	os_net.signal = refuse_signal;
	good &= lane_serve_start() == 0 && answers() && lane_serve_stop() == 0;
	good &= stops_at_once();
	os_net.signal = signal;
	return good && !serve_has_socket(getpid());
}

static void *look_for_own(void *arg)
{
	(void)arg;
	own = thread_own_files(true);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	ksft_print_header();
	if (thread_start(&thread, look_for_own, NULL))
		ksft_exit_fail_msg("no thread");
	pthread_join(thread, NULL);
	if (!own)
		ksft_exit_skip("the kernel gives a thread no descriptors of its own");
	ksft_set_plan(11);
	serve_prepare();
	ksft_test_result(table_is_untouched(),
			 "the service takes no number of the program's, nor leaves a child one");
	ksft_test_result(all_numbers_are_free(), "the program may take each of them meanwhile");
	ksft_test_result(ends_are_seen(), "the service holds no file of the program's open");
	ksft_test_result(stops_at_once(), "it stops at once, though its name is gone");
	ksft_test_result(messages_arrive(), "what a thread says goes to the process' stderr");
	ksft_test_result(messages_arrive_past(SYS_pidfd_getfd) &&
				 messages_arrive_past(SYS_pidfd_open),
			 "also where a filter refuses the way there");
	ksft_test_result(names_take_none(), "names are given without one");
	ksft_test_result(leaves_signals(), "a signal that the program blocks is left to it");
	ksft_test_result(starts_after_failure(), "a start that failed leaves nothing behind");
	ksft_test_result(works_without(), "it works where the kernel refuses one thing or another");
	ksft_test_result(unit_books_right(), "the books are right");
	serve_clean();
	ksft_finished();
}
