// SPDX-License-Identifier: MIT
/*
 * Where the pages of guarded samples cannot be had, the write of conf says so, changes
 * nothing, and can be tried again; where one of them cannot be opened, the sample is
 * an ordinary one.
 */
#include "failing_os.h"

#include "conf.h"
#include "guard.h"
#include "prof.h"

static const char line[] = "guard_rate 1\n";

static int set(void)
{
	return conf_write(line, sizeof(line) - 1);
}

/* Of many small objects, those that are guarded; NULL is an error. */
static int guarded_of(int n)
{
	int guarded = 0;

	for (int i = 0; i < n; i++) {
		void *p = lane_malloc(100);

		if (!p)
			ksft_exit_fail_msg("no memory");
		guarded += guard_has(p);
		lane_free(p);
	}
	return guarded;
}

int main(void)
{
	unsigned int refused = 0, n;

	ksft_print_header();
	ksft_set_plan(5);
	lane_free(lane_malloc(100));
	if (prof_set_rate(PROF_RATE_MIN))
		ksft_exit_fail_msg("the profile cannot be switched on");
	guarded_of(1000); /* spans and records */
	for (n = 1; n < 20; n++) {
		failing_from(n, true);
		if (!set())
			break;
		refused++;
		if (guard_rate() || guard.bytes)
			break;
		failing_from(0, false);
		if (guarded_of(1000))
			break;
	}
	failing_from(0, false);
	ksft_print_msg("%u calls for memory", refused);
	ksft_test_result(refused >= 1 && guard_rate() == 1 && n == refused + 1,
			 "whatever is refused, nothing is guarded until the pool is whole");
	ksft_test_result(guarded_of(1000) > 0, "then it is");
	os_fail_protect = true;
	failing_from(1, true);
	ksft_test_result(!guarded_of(1000) && os_failed,
			 "a page that cannot be opened: an ordinary one");
	failing_from(0, false);
	ksft_test_result(guarded_of(1000) > 0, "and guarded ones again, when it can");
	ksft_test_result(unit_books_right(), "the books are right, and what the walk finds");
	ksft_finished();
}
