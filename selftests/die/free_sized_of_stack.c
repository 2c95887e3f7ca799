// SPDX-License-Identifier: MIT
// expect: lane: free of 0x*, which is not a heap pointer
#include "die.h"

int main(void)
{
	char on_stack[64] = "";

	free_sized(die_with(on_stack), sizeof(on_stack));
	return 0;
}
