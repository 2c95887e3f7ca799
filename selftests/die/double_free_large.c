// SPDX-License-Identifier: MIT
// expect: lane: free of 0x*, which is inside an object or a free page
// expect-check: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *p = die_get(3 << 20);

	free(p);
	free(die_with(p));
	return 0;
}
