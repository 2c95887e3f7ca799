// SPDX-License-Identifier: MIT
// expect: lane: free of 0x*, which is inside an object or a free page
#include "die.h"

int main(void)
{
	char *p = die_get(100);

	free(die_with(p + 8));
	/* The fast path does not know where objects begin; their span does. */
	lane_release(SIZE_MAX);
	return 0;
}
