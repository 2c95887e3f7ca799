// SPDX-License-Identifier: MIT
// row: 10 free inside a small object, at a multiple of 8
// default: at a drain: lane: free of 0x*, which is inside an object or a free page
// check: at once: lane: free of 0x*, which is inside an object or a free page
// guard: at once: lane: free of 0x*, which is inside an object or a free page
#include "die.h"

int main(void)
{
	char *p = die_get(1000);

	free(die_with(p + 16));
	die_drain();
	return 0;
}
