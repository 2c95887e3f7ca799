// SPDX-License-Identifier: MIT
// row: 08 free of what is not from the heap
// default: at once: lane: free of 0x*, which is not a heap pointer
// check: at once: lane: free of 0x*, which is not a heap pointer
// guard: at once: lane: free of 0x*, which is not a heap pointer
#include "die.h"

int main(void)
{
	char on_stack[64] = "";

	free(die_with(on_stack));
	return 0;
}
