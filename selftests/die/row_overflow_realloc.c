// SPDX-License-Identifier: MIT
// row: 23 overflow by one byte, then realloc
// default: not
// check: at realloc: lane: write behind the 100 bytes at 0x*, found by realloc
// guard: not
#include "die.h"

int main(void)
{
	char *p = die_with(die_get(100));

	*(volatile char *)(p + 100) = 0;
	die_step("at realloc");
	p = realloc(p, 200);
	free(p);
	die_drain();
	return 0;
}
