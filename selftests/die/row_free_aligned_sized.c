// SPDX-License-Identifier: MIT
// row: 14 free_aligned_sized with another size
// default: not
// check: at once: lane: sized free of 0x* with size 101, which is not its size
// guard: not
#include "die.h"

int main(void)
{
	char *p = lane_aligned_alloc(64, 100);

	lane_free_aligned_sized(die_with(p), 64, 101);
	die_drain();
	return 0;
}
