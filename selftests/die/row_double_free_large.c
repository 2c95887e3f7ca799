// SPDX-License-Identifier: MIT
// row: 07 second free of a large object
// default: at once: lane: free of 0x*, which is inside an object or a free page
// check: at once: lane: double free of 0x*
// guard: -
#include "die.h"

int main(void)
{
	char *p = die_plain(3 << 20);

	free(p);
	free(die_with(p));
	return 0;
}
