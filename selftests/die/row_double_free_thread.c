// SPDX-License-Identifier: MIT
// row: 04 second free, from another thread
// default: at a drain: lane: double free of 0x*
// check: at once: lane: double free of 0x*
// guard: at once: lane: double free of 0x*
#include "die.h"

#include <pthread.h>

static void *free_it(void *p)
{
	free(p);
	return NULL;
}

int main(void)
{
	char *p = die_get(500), *q = die_plain(500);
	pthread_t t;

	free(p);
	free(q);
	die_with(p);
	if (pthread_create(&t, NULL, free_it, p) != 0)
		return 8;
	pthread_join(t, NULL);
	die_drain();
	return 0;
}
