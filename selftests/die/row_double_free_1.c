// SPDX-License-Identifier: MIT
// row: 02 second free, another freed between
// default: at a drain: lane: double free of 0x*
// check: at once: lane: double free of 0x*
// guard: at once: lane: double free of 0x*
#include "die.h"

int main(void)
{
	char *p = die_get(100), *q = die_plain(100);

	free(p);
	free(q);
	free(die_with(p));
	die_drain();
	return 0;
}
