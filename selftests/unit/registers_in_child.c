// SPDX-License-Identifier: MIT
/*
 * A process forks while Lane is about to register its handlers of fork, as another thread may that
 * is there before Lane's constructor. The child has nobody who would end that: it registers them
 * itself. Should they be there already they are there twice, and a fork runs them once.
 */
#include <dlfcn.h>

static void *find_and_fork(void *lib, const char *name);
#define dlsym find_and_fork
#include "fork.c"
#undef dlsym

#include "unit.h"

#include <sys/wait.h>

#define PATIENCE 20 /* seconds */

static int status_in_between = -1;

/* No alarm(): signals are blocked where it hangs. */
static int status_of(pid_t pid)
{
	double until = ksft_now() + PATIENCE;
	int status = -1;

	while (pid > 0 && !waitpid(pid, &status, WNOHANG)) {
		if (ksft_now() > until)
			kill(pid, SIGKILL);
		usleep(1000);
	}
	return status;
}

static bool forks(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(lane_malloc(100) ? 0 : 1);
	return status_of(pid) == 0;
}

/* In between, in the constructor. */
static void *find_and_fork(void *lib, const char *name)
{
	static bool forked;
	pid_t pid;

	if (!forked) {
		forked = true;
		pid = fork();
		if (!pid) {
			fork_init();
			_exit(forks() ? 0 : 1);
		}
		status_in_between = status_of(pid);
	}
	return dlsym(lib, name);
}

static int registered_twice(void)
{
	pid_t pid = fork();

	if (!pid) {
		registered = 1; /* by another process */
		fork_init();
		_exit(forks() && forks() && unit_books_right() ? 0 : 1);
	}
	return status_of(pid);
}

int main(void)
{
	int status;

	ksft_print_header();
	ksft_set_plan(2);
	ksft_test_result(status_in_between == 0, "the child of a fork in between (%#x)",
			 status_in_between);
	status = registered_twice();
	ksft_test_result(status == 0, "handlers that are registered twice (%#x)", status);
	ksft_finished();
}
