// SPDX-License-Identifier: MIT
// row: 16 write after free
// default: not
// check: before its reuse: lane: write to 0x* after the 100 bytes at 0x* were freed
// guard: at once: lane: access to 0x* after the 100 bytes at 0x* were freed
#include "die.h"

int main(void)
{
	char *p = die_get(100);

	free(p);
	die_with(p);
	*(volatile char *)p = 1;
	die_reuse(100);
	return 0;
}
