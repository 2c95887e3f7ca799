// SPDX-License-Identifier: MIT
// row: 24 overflow by one byte, after a realloc to less
// default: not
// check: at its free: lane: write behind the 11000 bytes at 0x*, found by free
// guard: -
#include "die.h"

int main(void)
{
	char *p = die_plain(20000);

	p = die_with(realloc(p, 11000));
	*(volatile char *)(p + 11000) = 0;
	die_step("at its free");
	free(p);
	die_drain();
	return 0;
}
