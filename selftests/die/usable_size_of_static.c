// SPDX-License-Identifier: MIT
// expect: lane: malloc_usable_size of 0x*, which is not a heap pointer
#include <malloc.h>
#include "die.h"

static char fixed[64];

int main(void)
{
	if (malloc_usable_size(die_with(fixed)))
		return 8;
	return 0;
}
