// SPDX-License-Identifier: MIT
// expect: lane: double free of 0x*
#include "die.h"

int main(void)
{
	void *p = NULL;

	if (posix_memalign(&p, 256, 200) != 0)
		return 8;
	free(p);
	free(die_with(p));
	return 0;
}
