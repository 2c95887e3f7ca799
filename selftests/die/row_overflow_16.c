// SPDX-License-Identifier: MIT
// row: 21 overflow by one byte of a multiple of 16 bytes
// default: not
// check: at its free: lane: write behind the 96 bytes at 0x*, found by free
// guard: at once: lane: access to 0x*, 0 bytes behind the end of the 96 bytes at 0x*
#include "die.h"

int main(void)
{
	char *p = die_with(die_get(96));

	*(volatile char *)(p + 96) = 0;
	die_step("at its free");
	free(p);
	die_drain();
	return 0;
}
