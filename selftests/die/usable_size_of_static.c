// SPDX-License-Identifier: MIT
// expect: lane: malloc_usable_size of 0x*, which is not a heap pointer
#include "die.h"

static char fixed[64];

size_t malloc_usable_size(void *p);

int main(void)
{
	if (malloc_usable_size(die_with(fixed)))
		return 8;
	return 0;
}
