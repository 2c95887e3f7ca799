// SPDX-License-Identifier: MIT
// row: 27 underflow by one byte of a large object
// default: not
// check: not
// guard: -
#include "die.h"

int main(void)
{
	char *before = die_plain(100000), *p = die_with(die_plain(100000));

	((volatile char *)p)[-1] = 0;
	die_step("at its free");
	free(p);
	die_drain();
	(void)before;
	return 0;
}
