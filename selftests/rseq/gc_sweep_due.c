// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Where the next cycle is due at once, as the percentage was lowered, all that is not swept is owed
 * by who allocates next. One allocation does a part of it. The collector is held before its first
 * span meanwhile, and a span takes as long as on a slow machine.
 */
#include "hold_sweeping.h"

#define SPAN_S 20e-6	 /* a span takes so long at least */
#define ALLOCATIONS 1000 /* until all are swept */

static void hold(enum gc_point point)
{
	if (is_main && point == AT_GATHERED)
		for (double end = ksft_now() + SPAN_S; ksft_now() < end;)
			;
	hold_sweeping(point);
}

int main(int argc, char **argv)
{
	u64 all, most = 0, last;
	int n;

	(void)argc;
	gc_conf(argv, "gc_check:false");
	ksft_print_header();
	ksft_set_plan(3);
	begin_sweeping(hold);
	lane_gc_set_percent(0);
	all = last = gc_unswept_bytes();
	for (n = 0; n < ALLOCATIONS && last; n++) {
		u64 left;

		gc_garbage(KIB(40)); /* a span of its own */
		left = gc_unswept_bytes();
		most = max(most, last - left);
		last = left;
	}
	ksft_print_msg("%llu bytes to sweep", (unsigned long long)all);
	ksft_test_result(most < all / 2, "one allocation sweeps %llu bytes at most",
			 (unsigned long long)most);
	ksft_test_result(!last, "after %d allocations all are swept", n);
	lane_gc_set_percent(-1);
	end_sweeping();
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
	ksft_finished();
}
