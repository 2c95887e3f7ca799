// SPDX-License-Identifier: MIT
/*
 * A worker's rest ends early where a thread of the idle policy gets a CPU, and is whole where
 * there is no such thread, or it may not have its policy.
 */
#include "unit.h"

#include "../api/filter.h"

#include "idle.h"
#include "os.h"

#define REST 20000000ULL     /* ns */
#define LONG 100000000000ULL /* ns; so long no CPU of a machine is wanted by others */

static u64 rest(u64 ns)
{
	u64 began = os.now_ns();

	idle_wait(ns);
	return os.now_ns() - began;
}

static void refused(void *arg)
{
	const int nr = SYS_sched_setscheduler;

	(void)arg;
	if (filter_calls(&nr, 1, SECCOMP_RET_ERRNO | EPERM))
		_exit(4);
	idle_start();
	_exit(rest(REST) < REST);
}

int main(void)
{
	char text[256];
	int status;

	ksft_set_plan(3);
	lane_free(lane_malloc(1));
	ksft_test_result(rest(REST) >= REST, "without a thread that asks a rest is whole");
	status = unit_stderr_of(refused, NULL, text, sizeof(text));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
		ksft_test_result_skip("no filter of system calls here");
	else
		ksft_test_result(status == 0, "where its policy is refused a rest is whole");
	idle_start();
	ksft_test_result(rest(LONG) < LONG && rest(LONG) < LONG, "a rest ends where a CPU is idle");
	ksft_finished();
}
