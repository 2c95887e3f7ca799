// SPDX-License-Identifier: MIT
// expect: lane: double free of 0x*
#include "die.h"

#include <pthread.h>

static void *free_it(void *p)
{
	free(p);
	return NULL;
}

int main(void)
{
	void *p = die_get(500);
	pthread_t t;

	if (pthread_create(&t, NULL, free_it, p) != 0)
		return 8;
	pthread_join(t, NULL);
	free(die_with(p));
	/* Freed on another CPU it is in two caches, until they are drained. */
	lane_release(SIZE_MAX);
	return 0;
}
