// SPDX-License-Identifier: MIT
// expect: lane: free of 0x*, which is not a heap pointer
#include "die.h"

extern char **environ;

int main(void)
{
	free(die_with(environ[0]));
	return 0;
}
