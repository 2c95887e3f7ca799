// SPDX-License-Identifier: MIT
/* user.c - a library that is linked with Lane and opened by opener.c */
#include <lane/lane.h>
#include <stdlib.h>
#include <string.h>

void *give(size_t n);
void *give_plain(size_t n);
void take(void *p);
void take_plain(void *p);
long live_objects(void);

void *give(size_t n)
{
	return memset(lane_malloc(n), 7, n);
}

void *give_plain(size_t n)
{
	return memset(malloc(n), 7, n);
}

void take(void *p)
{
	lane_free(p);
}

void take_plain(void *p)
{
	free(p);
}

long live_objects(void)
{
	struct lane_stats st = {.sz = sizeof(st)};

	return lane_stats_read(&st) ? -1 : (long)st.live_objects;
}
