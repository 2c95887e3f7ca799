// SPDX-License-Identifier: MIT
// expect: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *neighbours[50];
	char *p;

	/* They keep the span alive, so that the object is known as free, not its page. */
	for (int i = 0; i < 50; i++)
		neighbours[i] = die_get(100);
	p = neighbours[25];
	free(p);
	lane_release(SIZE_MAX);
	free(die_with(p));
	/* Cached objects are looked at again when they go back. */
	lane_release(SIZE_MAX);
	return neighbours[0] == NULL;
}
