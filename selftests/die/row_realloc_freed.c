// SPDX-License-Identifier: MIT
// row: 12 realloc of what was freed, another freed between
// default: at a drain: lane: double free of 0x*
// check: at once: lane: realloc of 0x*, which was freed
// guard: at once: lane: realloc of 0x*, which is inside an object or a free page
#include "die.h"

int main(void)
{
	char *p = die_get(100), *q = die_plain(100);

	free(p);
	free(q);
	p = realloc(die_with(p), 200);
	__asm__ volatile("" : "+r"(p));
	die_drain();
	return 0;
}
