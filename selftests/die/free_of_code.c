// SPDX-License-Identifier: MIT
// expect: lane: free of 0x*, which is not a heap pointer
#include "die.h"

int main(void)
{
	free(die_with((void *)(uintptr_t)main));
	return 0;
}
