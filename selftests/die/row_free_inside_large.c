// SPDX-License-Identifier: MIT
// row: 11 free inside a large object
// default: at once: lane: free of 0x*, which is inside an object or a free page
// check: at once: lane: free of 0x*, which is inside an object or a free page
// guard: -
#include "die.h"

int main(void)
{
	char *p = die_plain(3 << 20);

	free(die_with(p + 4096));
	return 0;
}
