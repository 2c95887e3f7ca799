// SPDX-License-Identifier: MIT
// expect: lane: free of 0x*, which is not a heap pointer
#include "die.h"

static char fixed[64];

int main(void)
{
	free(die_with(fixed));
	return 0;
}
