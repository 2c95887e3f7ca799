// SPDX-License-Identifier: MIT
// expect: lane: free of 0x*, which is not a heap pointer
#include "die.h"

#include <sys/mman.h>

int main(void)
{
	void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	free(die_with(p));
	return 0;
}
