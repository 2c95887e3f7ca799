// SPDX-License-Identifier: MIT
// row: 06 second free, when it has been handed out again
// default: not
// check: not
// guard: not
#include "die.h"

int main(void)
{
	char *p = die_get(100), *q = NULL;

	free(p);
	for (int i = 0; i < 1000000 && q != p; i++) {
		q = die_plain(100);
		if (q != p)
			free(q);
	}
	free(die_with(p));
	die_drain();
	return q != p;
	return 0;
}
