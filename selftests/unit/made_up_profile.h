/* SPDX-License-Identifier: MIT */
/*
 * made_up_profile.h - a heap profile of which every number is known: what the
 * writers make of it is compared with it, here and by real tools.
 *
 *	bytes in use	stack, innermost first
 *	 60 sampled of  1000: grow_table, handle_request, main_loop
 *	  4 of      1048576: read_block, main_loop
 *	  2 of        65536: grow_table, then an address where no code is
 *	  0 (freed)  7 of 8192: make_reply, handle_request, main_loop
 *	  3 of          512: a stack that found no room
 * and a site without samples, which no format shows.
 */
#ifndef LANE_MADE_UP_PROFILE_H
#define LANE_MADE_UP_PROFILE_H

#include <math.h>

#include "prof_write.h"

#define MADE_UP_RATE (512u << 10)

/* Functions to point into: never called, and too different to be one. */
#define MADE_UP_FUNCTION(name, n)                                                                  \
	__attribute__((noinline, used)) static int name(int x)                                     \
	{                                                                                          \
		__asm__ volatile("" : "+r"(x));                                                    \
		return x * n + n;                                                                  \
	}
MADE_UP_FUNCTION(grow_table, 3)
MADE_UP_FUNCTION(read_block, 5)
MADE_UP_FUNCTION(make_reply, 7)
MADE_UP_FUNCTION(handle_request, 11)
MADE_UP_FUNCTION(main_loop, 13)

#define INSIDE(fn) ((uintptr_t)(fn) + 4)

static char made_up_data[64]; /* no code is here */
static uintptr_t made_up_stacks[5][3];

static struct prof_site made_up_site(u32 depth, const uintptr_t *pc, u64 allocated, u64 used,
				     u64 size)
{
	double scale = 1 / (1 - exp(-(double)size / MADE_UP_RATE));

	return (struct prof_site){depth,
				  pc,
				  allocated,
				  allocated * size,
				  used,
				  used * size,
				  (u64)((double)allocated * scale),
				  (u64)((double)(allocated * size) * scale),
				  (u64)((double)used * scale),
				  (u64)((double)(used * size) * scale)};
}

static u32 made_up_read(void (*row)(void *arg, const struct prof_site *site), void *arg)
{
	uintptr_t(*s)[3] = made_up_stacks;
	struct prof_site sites[6];

	memcpy(s[0], (uintptr_t[]){INSIDE(grow_table), INSIDE(handle_request), INSIDE(main_loop)},
	       sizeof(s[0]));
	memcpy(s[1], (uintptr_t[]){INSIDE(read_block), INSIDE(main_loop), 0}, sizeof(s[1]));
	memcpy(s[2], (uintptr_t[]){INSIDE(grow_table), (uintptr_t)made_up_data, INSIDE(main_loop)},
	       sizeof(s[2]));
	memcpy(s[3], (uintptr_t[]){INSIDE(make_reply), INSIDE(handle_request), INSIDE(main_loop)},
	       sizeof(s[3]));
	sites[0] = made_up_site(3, s[0], 100, 60, 1000);
	sites[1] = made_up_site(2, s[1], 5, 4, 1 << 20);
	sites[2] = made_up_site(3, s[2], 2, 2, 64 << 10);
	sites[3] = made_up_site(3, s[3], 7, 0, 8192);
	sites[4] = made_up_site(0, NULL, 3, 3, 512);
	sites[5] = made_up_site(3, s[0], 0, 0, 100);
	for (u32 i = 0; i < 6; i++)
		row(arg, &sites[i]);
	return 6;
}

static const struct prof_source made_up = {
	.read = made_up_read,
	.totals = {.rate = MADE_UP_RATE,
		   .one_rate = MADE_UP_RATE,
		   .samples = 117,
		   .samples_lost = 1,
		   .sites = 6},
	.why = "made up",
};

#endif /* LANE_MADE_UP_PROFILE_H */
