// SPDX-License-Identifier: MIT
// expect: lane: free of 0x*, which is inside an object or a free page
// expect-check: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *p = die_get(100);

	free(p);
	lane_release(SIZE_MAX);
	free(die_with(p));
	return 0;
}
