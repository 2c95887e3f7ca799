// SPDX-License-Identifier: MIT
// row: 25 overflow by one byte of a large object
// default: not
// check: at its free: lane: write behind the 100000 bytes at 0x*, found by free
// guard: -
#include "die.h"

int main(void)
{
	char *p = die_with(die_plain(100000));

	*(volatile char *)(p + 100000) = 0;
	die_step("at its free");
	free(p);
	die_drain();
	return 0;
}
