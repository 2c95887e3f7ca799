// SPDX-License-Identifier: MIT
// variant: off LANE_CONF=background_thread:false
/*
 * A process with a collected heap has a thread that returns memory, and a child that it forks has
 * one; LANE_CONF says where it is not wanted. A program that only has malloc has none.
 */
#include "nodes.h"
#include "../api/thread_names.h"

#include <sys/wait.h>

/* Threads of Lane's that return memory, which takes a moment. */
static int threads_named_lane(int expected)
{
	double end = ksft_now() + 10;
	int n;

	while ((n = threads_named("lane")) != expected && ksft_now() < end) {
		if (n < 0)
			ksft_exit_skip("no /proc/self/task");
		usleep(10000);
	}
	return n;
}

int main(void)
{
	const char *conf = getenv("LANE_CONF");
	int wanted = conf && strstr(conf, "background_thread:false") ? 0 : 1, status;
	pid_t child;

	ksft_print_header();
	ksft_set_plan(3);
	free(malloc(100));
	ksft_test_result(!threads_named_lane(0), "malloc alone has no thread");
	gc_begin(NULL);
	ksft_test_result(threads_named_lane(wanted) == wanted, "a collected heap has %d", wanted);
	child = fork();
	if (!child) {
		bool good = lane_gc_alloc_noscan(100) && threads_named_lane(wanted) == wanted;

		_exit(good ? 0 : 1);
	}
	ksft_test_result(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
				 !WEXITSTATUS(status),
			 "a child of it, too");
	ksft_finished();
}
