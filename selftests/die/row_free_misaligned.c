// SPDX-License-Identifier: MIT
// row: 09 free inside an object, at no multiple of 8
// default: at once: lane: free of 0x*, which is inside an object or a free page
// check: at once: lane: free of 0x*, which is inside an object or a free page
// guard: at once: lane: free of 0x*, which is inside an object or a free page
#include "die.h"

int main(void)
{
	char *p = die_get(100);

	free(die_with(p + 1));
	return 0;
}
