// SPDX-License-Identifier: MIT
// row: 01 second free, at once
// default: at once: lane: double free of 0x*
// check: at once: lane: double free of 0x*
// guard: at once: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *p = die_get(100);

	free(p);
	free(die_with(p));
	die_drain();
	return 0;
}
