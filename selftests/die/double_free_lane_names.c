// SPDX-License-Identifier: MIT
// expect: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *p = lane_malloc(40);

	lane_free(p);
	lane_free(die_with(p));
	return 0;
}
