// SPDX-License-Identifier: MIT
// expect: lane: double free of 0x*
#include "die.h"

int main(void)
{
	void *p = die_get(64);

	if (realloc(p, 0))
		return 8;
	free(die_with(p));
	return 0;
}
