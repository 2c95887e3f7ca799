// SPDX-License-Identifier: MIT
// row: 05 second free, after a drain
// default: at a drain: lane: double free of 0x*
// check: at once: lane: double free of 0x*
// guard: at once: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *neighbours[50];
	char *p;

	/* They keep the span alive, so that the object is known as free, not its page. */
	for (int i = 0; i < 50; i++)
		neighbours[i] = die_plain(100);
	p = die_get(100);
	free(p);
	lane_release(SIZE_MAX);
	free(die_with(p));
	die_drain();
	return neighbours[0] == NULL;
	return 0;
}
