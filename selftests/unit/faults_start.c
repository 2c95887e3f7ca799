// SPDX-License-Identifier: MIT
// variant: check LANE_CONF=check:full,prof_rate:4096,guard_rate:1
/*
 * The start of a process, which makes the first calls of all, with each system call failing in
 * turn: malloc gives NULL with ENOMEM until the heap can start, nothing is set aside twice on the
 * way, and afterwards all works, fork of a process with threads included.
 */
#include "faults.h"

#include <lane/lane_gc.h>
#include <lane/lane_prof.h>
#include <lane/lane_serve.h>
#include <malloc.h>

#include "init.h"
#include "space.h"

#define ATTEMPTS 200 /* of malloc, while the start fails */

enum {
	GOOD,
	BAD_ERRNO,
	BAD_STATISTICS,
	NO_MEMORY,
	BAD_BOOKS,
	BAD_FORK,
	BAD_RESERVED,
	BAD_REFUSAL,
	NONE_FAILED = 100
};

static const char *const wrong[] = {"",
				    "errno",
				    "statistics of a heap that has not started",
				    "no memory afterwards",
				    "the books",
				    "fork beside a thread that allocates",
				    "address space was set aside twice",
				    "what needs a heap does not say that there is none"};

static void *try_malloc(size_t size)
{
	errno = 0;
	return lane_malloc(size);
}

static _Atomic bool stop;

static void *allocate(void *arg)
{
	(void)arg;
	while (!stop) {
		void *p = lane_malloc(KIB(50));

		lane_free(p);
	}
	return NULL;
}

/* Lane's handlers see to it that nobody is inside malloc at a fork, also after a late start. */
static bool forks(void)
{
	int status = 0;
	pthread_t t;

	start_thread(&t, allocate, NULL);
	for (int i = 0; i < 5 && !status; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(20);
			for (int k = 0; k < 100; k++)
				lane_free(lane_malloc(KIB(50)));
			_exit(unit_books_right() ? 0 : 1);
		}
		waitpid(pid, &status, 0);
	}
	stop = true;
	pthread_join(t, NULL);
	return status == 0;
}

/* There is no heap: nothing is there to be shown or set. Those that start it come last. */
static bool refuses(void)
{
	static char text[100];
	struct mallinfo2 m = lane_mallinfo2();
	struct lane_stats st = {.sz = sizeof(st)};
	FILE *f = fopen("/dev/null", "w");
	bool right = f && m.arena == 0 && m.uordblks == 0 && lane_release(SIZE_MAX) == 0;

	errno = 0;
	right &= lane_malloc_info(0, f) == -1 && errno == EAGAIN;
	fclose(f);
	right &= lane_stats_read(&st) == -EAGAIN && lane_stats_walk(&st) == -EAGAIN &&
		 lane_proc_read("heapinfo", text, sizeof(text)) == -EAGAIN &&
		 lane_prof_dump("/nowhere/at.all") == -EAGAIN &&
		 lane_prof_set_rate(4096) == -EAGAIN;
	if (lane_serve_start() != -EAGAIN)
		right &= lane_serve_stop() == 0 && lane_started();
	if (!lane_started() && lane_gc_init(NULL) != -ENOMEM)
		right &= lane_started();
	return right;
}

/* In a process that was made anew, which has begun with failures. */
static int start_failing(const char *reserved)
{
	static struct snap snap;
	void *held[40], *p = NULL;

	/* Each of these tries to start, and must leave nothing behind where it fails. */
	for (int i = 0; !p && i < ATTEMPTS; i++) {
		p = try_malloc(100);
		if (!p && errno != ENOMEM)
			return BAD_ERRNO;
	}
	if (!snap_read(&snap) && !snap_good(&snap))
		return BAD_STATISTICS;
	if (!lane_started() && !refuses())
		return BAD_REFUSAL;
	lane_release(SIZE_MAX);
	failures_end();
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		held[i] = try_malloc(8 << i % 24);
		if (!held[i])
			return NO_MEMORY;
	}
	if (!unit_books_right())
		return BAD_BOOKS;
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		lane_free(held[i]);
	lane_free(p);
	if (!forks())
		return BAD_FORK;
	if (!unit_books_right() || unit_live())
		return BAD_BOOKS;
	snap_read(&snap);
	/* Address space, which does not depend on the CPUs in use as memory does. */
	if (snap.st.reserved > strtoull(reserved, NULL, 10)) {
		fprintf(stderr, "reserved %llu, without failures %s\n",
			(unsigned long long)snap.st.reserved, reserved);
		return BAD_RESERVED;
	}
	return os_failed ? GOOD : NONE_FAILED;
}

static pid_t start(unsigned int n, const char *how, uint64_t reserved)
{
	char at[32], text[32];
	pid_t pid = fork();

	if (pid)
		return pid;
	snprintf(at, sizeof(at), "%u%s", n, how);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)reserved);
	setenv("FAIL_START", at, 1);
	alarm(FAULT_SECONDS);
	execl("/proc/self/exe", "faults_start", text, NULL);
	_exit(99);
}

/* Every n, two at a time. */
static void test_start(const char *how, const char *text, uint64_t reserved)
{
	unsigned int n, last = 0;
	bool right = true;

	for (n = 1; !last && right && n < FAULT_CALLS_MAX; n += 2) {
		pid_t pid[2] = {start(n, how, reserved), start(n + 1, how, reserved)};

		for (unsigned int i = 0; i < 2; i++) {
			int status = 0, code;

			waitpid(pid[i], &status, 0);
			code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
			if (code == NONE_FAILED && !last)
				last = n + i;
			if (code == NONE_FAILED || code == GOOD)
				continue;
			right = false;
			ksft_print_msg("call %u: %s (%#x)", n + i,
				       code > 0 && code < (int)ARRAY_SIZE(wrong) ? wrong[code]
										 : "died",
				       status);
		}
	}
	ksft_test_result(right && last, "start: each of %u calls fails%s", last ? last - 1 : n,
			 text);
}

int main(int argc, char **argv)
{
	static struct snap snap;

	unit_no_background();
	if (argc > 1)
		return start_failing(argv[1]);
	ksft_print_header();
#ifdef __SANITIZE_THREAD__
	ksft_exit_skip("beside the sanitizer's own, how much can be set aside is chance");
#endif
	ksft_set_plan(4);
	lane_free(lane_malloc(KIB(100)));
	if (snap_read(&snap))
		ksft_exit_fail_msg("no statistics");
	test_start("", "", snap.st.reserved);
	test_start("/", ", with another error", snap.st.reserved);
	test_start("+", ", and all after it", snap.st.reserved);
	test_start("+p", ", and all that make memory writable after it", snap.st.reserved);
	ksft_finished();
}
