// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * One allocation does not sweep a whole class: where all of the next spans are full it takes a new
 * one. All the same, those that look for a slot sweep them all. The collector is held before its
 * first span meanwhile.
 */
#include "hold_sweeping.h"

#define MOST (OBJECTS / 10) /* allocations until all are swept */

int main(int argc, char **argv)
{
	u64 all, most = 0, last;
	int n;

	(void)argc;
	gc_conf(argv, "gc_check:false");
	ksft_print_header();
	ksft_set_plan(4);
	begin_sweeping(hold_sweeping);
	all = last = gc_unswept_bytes();
	for (n = 0; n < MOST && last; n++) {
		u64 left;

		node_make(NODE_TYPED, 2, 1);
		left = gc_unswept_bytes();
		most = max(most, last - left);
		last = left;
	}
	ksft_test_result(all > OBJECTS * 32, "%llu bytes to sweep", (unsigned long long)all);
	ksft_test_result(most < all / 4, "one allocation sweeps %llu of them at most",
			 (unsigned long long)most);
	ksft_test_result(last < all / 10, "after %d allocations %llu are left", n,
			 (unsigned long long)last);
	end_sweeping();
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
	ksft_finished();
}
