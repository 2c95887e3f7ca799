// SPDX-License-Identifier: MIT
/*
 * The pool of guarded samples is set aside as a whole: how many of its pages are in use changes
 * what is mapped, and not what is reserved.
 */
#include "unit.h"

#include "guard.h"
#include "prof.h"

#define OBJECTS 10
#define SIZE 100

static struct snap before, after, walk;

int main(void)
{
	void *guarded[OBJECTS];
	unsigned int n = 0;
	bool right;

	ksft_print_header();
	ksft_set_plan(2);
	lane_free(lane_malloc(SIZE));
	if (prof_set_rate(PROF_RATE_MIN) || guard_set_rate(1))
		ksft_exit_fail_msg("nothing is guarded");
	snap_read(&before);
	while (n < OBJECTS) {
		guarded[n] = lane_malloc(SIZE);
		if (guard_has(guarded[n]))
			n++;
		else
			lane_free(guarded[n]);
	}
	snap_read(&after);
	snap_walk(&walk);
	ksft_print_msg("reserved %lld more", (long long)(after.st.reserved - before.st.reserved));
	right = after.st.reserved == before.st.reserved && snap_good(&after) &&
		snap_differences(&after, &walk) == 0;
	ksft_test_result(right, "guarded objects reserve nothing more");
	while (n)
		lane_free(guarded[--n]);
	snap_read(&after);
	ksft_test_result(after.st.reserved == before.st.reserved && unit_books_right(),
			 "nor less when they are freed");
	ksft_finished();
}
