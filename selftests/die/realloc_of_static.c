// SPDX-License-Identifier: MIT
// expect: lane: realloc of 0x*, which is not a heap pointer
#include "die.h"

static char fixed[64];

int main(void)
{
	if (realloc(die_with(fixed), 0))
		return 8;
	return 0;
}
