// SPDX-License-Identifier: MIT
// expect: lane: realloc of 0x*, which is inside an object or a free page
#include "die.h"

int main(void)
{
	char *p = die_get(3 << 20);

	if (realloc(die_with(p + 4096), 100))
		return 8;
	return 0;
}
