// SPDX-License-Identifier: MIT
/*
 * The heap profile's rate is changed lane by lane, so many at a time, and membarrier is refused in
 * the middle of it: the call fails, and no lane keeps the rate that was refused, neither
 * at once where the next call works, nor when the rate that holds is set again.
 */
#include "unit.h"

#include <errno.h>
#include <lane/lane_prof.h>

#include "lanes.h"
#include "os.h"
#include "prof.h"

#define CPUS (3 * LANE_STOP_MAX)
#define RATE KIB(4)

static struct os_ops real_os;
static int fail_from, fail_to; /* of the calls counted here; 0: none */
static int calls;

static int failing_membarrier(int cmd)
{
	int n = ++calls;

	return n >= fail_from && n < fail_to ? -EPERM : real_os.membarrier(cmd);
}

static void fail(int from, int to)
{
	calls = 0;
	fail_from = from;
	fail_to = to;
}

static int no_file(const char *path)
{
	return path ? -ENOENT : -EFAULT;
}

static u32 many_cpus(void)
{
	return CPUS;
}

/* As where /sys is hidden: as many CPUs as the kernel's masks have. Before the first malloc. */
__attribute__((constructor(101))) static void begin(void)
{
	real_os = os;
	os.open_read = no_file;
	os.cpu_mask_bits = many_cpus;
	os.membarrier = failing_membarrier;
}

static u64 samples(void)
{
	struct prof_totals t;

	for (int i = 0; i < 100000; i++)
		lane_free(lane_malloc(1000));
	prof_totals(&t);
	return t.samples;
}

int main(void)
{
	u64 before;
	int err;

	ksft_print_header();
	if (lane_free(lane_malloc(1000)), lanes_locked())
		ksft_exit_skip("nothing is fenced in lock mode");
	os.open_read = real_os.open_read;
	ksft_set_plan(3);
	unit_pin(0); /* its lane is of the first that are changed */
	before = samples();
	fail(3, 4); /* one to see whether it works, one of the first lanes */
	err = lane_prof_set_rate(RATE);
	fail(0, 0);
	ksft_test_result(nr_lanes == CPUS && err == -EPERM && !lane_prof_rate() &&
				 samples() == before,
			 "refused in the middle, once: nothing is sampled (%d)", err);
	fail(3, 100);
	err = lane_prof_set_rate(RATE);
	fail(0, 0);
	ksft_test_result(err == -EPERM && !lane_prof_rate() && !lane_prof_set_rate(0) &&
				 (before = samples()) == samples(),
			 "and for a while: not when the old rate is set again (%d)", err);
	err = lane_prof_set_rate(RATE);
	ksft_test_result(!err && samples() > before && unit_books_right(),
			 "then it can be changed (%d)", err);
	ksft_finished();
}
