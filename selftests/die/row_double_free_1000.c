// SPDX-License-Identifier: MIT
// row: 03 second free, 1000 others freed between
// default: at a drain: lane: double free of 0x*
// check: at once: lane: double free of 0x*
// guard: at once: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *p = die_get(100), *keep = die_plain(100);
	void *others[1000];

	for (int i = 0; i < 1000; i++)
		others[i] = die_plain(100);
	free(p);
	for (int i = 0; i < 1000; i++)
		free(others[i]);
	free(die_with(p));
	die_drain();
	(void)keep;
	return 0;
}
