// SPDX-License-Identifier: MIT
// row: 13 free_sized with another size
// default: not
// check: at once: lane: sized free of 0x* with size 99, which is not its size
// guard: not
#include "die.h"

int main(void)
{
	char *p = die_get(100);

	lane_free_sized(die_with(p), 99);
	die_drain();
	return 0;
}
