// SPDX-License-Identifier: MIT
// row: 18 write after free, at the beginning of a large object
// default: not
// check: before its reuse: lane: write to 0x* after the 100000 bytes at 0x* were freed
// guard: -
#include "die.h"

int main(void)
{
	char *p = die_plain(100000);
	char *keep = die_plain(100000);

	free(p);
	die_with(p);
	*(volatile char *)p = 1;
	die_reuse(100000);
	(void)keep;
	return 0;
}
