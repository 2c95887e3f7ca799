// SPDX-License-Identifier: MIT
// expect: lane: realloc of 0x*, which is inside an object or a free page
#include "die.h"

int main(void)
{
	char *p = die_get(1000);

	if (realloc(die_with(p + 16), 2000))
		return 8;
	return 0;
}
