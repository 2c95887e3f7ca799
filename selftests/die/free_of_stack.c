// SPDX-License-Identifier: MIT
// expect: lane: free of 0x*, which is not a heap pointer
#include "die.h"

int main(void)
{
	char on_stack[64] = "";

	free(die_with(on_stack));
	return 0;
}
