// SPDX-License-Identifier: MIT
// expect: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *p = die_get(100);
	char *q = die_get(100);

	free(p);
	free(q);
	free(die_with(p));
	/* Not the last one freed: it is caught when the objects go back to their span. */
	lane_release(SIZE_MAX);
	return 0;
}
