// SPDX-License-Identifier: MIT
// expect: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *p[8];

	for (int i = 0; i < 8; i++)
		p[i] = die_get(100);
	for (int i = 0; i < 7; i++)
		free(p[i]);
	free(die_with(p[3]));
	free(p[7]);
	lane_release(SIZE_MAX);
	return 0;
}
