// SPDX-License-Identifier: MIT
/*
 * The handler of SIGSEGV that guarded samples bring: what is said of an access before an object or
 * beside none, and what the program's own handler, or none, gets as if Lane's were not there.
 */
#include "unit.h"

#include <lane/lane_prof.h>
#include <signal.h>
#include <sys/resource.h>

#include "guard.h"

static volatile sig_atomic_t calls;

static void on_segv(int sig)
{
	(void)sig;
	calls++;
}

static void on_segv_and_end(int sig)
{
	(void)sig;
	_exit(42);
}

static void start(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	if (lane_prof_set_rate(1024) || guard_set_rate(1))
		_exit(98);
}

/* The first sampled object that is guarded. */
static char *guarded(size_t size)
{
	for (int i = 0; i < 10000; i++) {
		char *p = lane_malloc(size);

		if (guard_has(p))
			return p;
	}
	_exit(97);
}

static const volatile char *volatile nowhere = (char *)8;

static void touch(const volatile char *p)
{
	(void)*p;
}

/* The page before the object's, nearer to it than to any other. */
static void before(void *arg)
{
	char *p;

	(void)arg;
	start();
	p = guarded(100);
	fprintf(stderr, "%p\n", (void *)p);
	touch((char *)((uintptr_t)p & ~(uintptr_t)4095) - 8);
}

static void beside_none(void *arg)
{
	(void)arg;
	start();
	guarded(100);
	/* The last slot is not used yet; the pool begins with a page before the first. */
	touch((char *)guard.base + guard.bytes - 4096 - 100);
}

static void first_page(void *arg)
{
	(void)arg;
	start();
	guarded(100);
	touch((char *)guard.base + 8);
}

static bool says(void (*fn)(void *), const char *words)
{
	char text[4096];
	int status = unit_stderr_of(fn, NULL, text, sizeof(text));

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && strstr(text, words))
		return true;
	ksft_print_msg("status %#x: %s", status, text);
	return false;
}

static int status_of(void (*fn)(void *))
{
	char text[4096];
	int status = unit_stderr_of(fn, NULL, text, sizeof(text));

	if (*text)
		ksft_print_msg("%s", text);
	return *text ? -1 : status;
}

static void sent_to_handler(void *arg)
{
	(void)arg;
	signal(SIGSEGV, on_segv);
	start();
	raise(SIGSEGV);
	raise(SIGSEGV);
	_exit(calls == 2 ? 0 : 1);
}

static void fault_to_handler(void *arg)
{
	(void)arg;
	signal(SIGSEGV, on_segv_and_end);
	start();
	touch(nowhere);
}

static void sent_to_nobody(void *arg)
{
	(void)arg;
	signal(SIGSEGV, SIG_IGN);
	start();
	raise(SIGSEGV);
	_exit(7);
}

static void sent_by_default(void *arg)
{
	(void)arg;
	start();
	raise(SIGSEGV);
	_exit(0);
}

static void fault_by_default(void *arg)
{
	(void)arg;
	start();
	touch(nowhere);
	_exit(0);
}

static bool is_segv(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(8);
	lane_free(lane_malloc(1));
	ksft_test_result(says(before, " bytes before the 100 bytes at 0x"),
			 "an access before an object");
	ksft_test_result(says(beside_none, ", beside no guarded object\n"), "beside none");
	ksft_test_result(says(first_page, "lane: access to 0x"), "in the pool's first page");
	ksft_test_result(status_of(sent_to_handler) == 0,
			 "a signal that is sent: the program's handler");
	ksft_test_result(WEXITSTATUS(status_of(fault_to_handler)) == 42,
			 "a fault of its own: likewise");
	ksft_test_result(WEXITSTATUS(status_of(sent_to_nobody)) == 7, "ignored, where it was");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	for (int i = 0; i < 2; i++)
		ksft_test_result_skip("the sanitizer has a handler of its own");
	(void)is_segv, (void)sent_by_default, (void)fault_by_default;
#else
	ksft_test_result(is_segv(status_of(sent_by_default)), "sent, and no handler: the end");
	ksft_test_result(is_segv(status_of(fault_by_default)), "a fault, and no handler: the end");
#endif
	ksft_finished();
}
