// SPDX-License-Identifier: MIT
// row: 20 overflow by one byte
// default: not
// check: at its free: lane: write behind the 100 bytes at 0x*, found by free
// guard: not
#include "die.h"

int main(void)
{
	char *p = die_with(die_get(100));

	*(volatile char *)(p + 100) = 0;
	die_step("at its free");
	free(p);
	die_drain();
	return 0;
}
