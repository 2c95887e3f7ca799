// SPDX-License-Identifier: MIT
// row: 19 read after free
// default: not
// check: not
// guard: at once: lane: access to 0x* after the 100 bytes at 0x* were freed
#include "die.h"

int main(void)
{
	char *p = die_get(100);

	free(p);
	die_with(p);
	(void)*(volatile char *)p;
	die_reuse(100);
	return 0;
}
