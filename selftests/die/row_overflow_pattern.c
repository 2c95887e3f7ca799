// SPDX-License-Identifier: MIT
// row: 22 overflow by one byte, which is 0xdb
// default: not
// check: not
// guard: not
#include "die.h"

int main(void)
{
	char *p = die_with(die_get(100));

	*(volatile char *)(p + 100) = (char)0xdb;
	die_step("at its free");
	free(p);
	die_drain();
	return 0;
}
