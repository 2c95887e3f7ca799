// SPDX-License-Identifier: MIT
// expect: lane: realloc of 0x*, which is not a heap pointer
#include "die.h"

int main(void)
{
	char on_stack[64] = "";

	if (realloc(die_with(on_stack), 100))
		return 8;
	return 0;
}
