// SPDX-License-Identifier: MIT
// row: 17 write after free, in the middle of 2000 bytes
// default: not
// check: not
// guard: at once: lane: access to 0x* after the 2000 bytes at 0x* were freed
#include "die.h"

int main(void)
{
	char *p = die_get(2000);

	free(p);
	die_with(p);
	*(volatile char *)(p + 1000) = 1;
	die_reuse(2000);
	return 0;
}
