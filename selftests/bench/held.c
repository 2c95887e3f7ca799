// SPDX-License-Identifier: MIT
/*
 * What stays resident after a peak: about 400 MB of objects of 16 bytes to
 * 2 KiB, nine in ten freed at random, then all of them; each time at once and
 * after WAIT seconds in which the program does a little work, or none.
 * held SCALE [WAIT [silent]]
 */
#include "bench.h"

static int silent; /* do nothing at all */

static void idle_along(size_t seconds)
{
	if (silent)
		sleep_ms((unsigned int)(1000 * seconds));
	for (size_t i = 0; !silent && i < 100 * seconds; i++) {
		sleep_ms(10);
		for (int k = 0; k < 10; k++)
			free(take(100));
	}
}

static uint32_t *sizes;
static char **objs;
static size_t count;

/* Fill every free place; returns the bytes asked for. */
static size_t fill(void)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		if (objs[i])
			continue;
		objs[i] = must(malloc(sizes[i]));
		memset(objs[i], 1, sizes[i]);
		bytes += sizes[i];
	}
	return bytes;
}

/* Free nine in ten at random; returns the bytes that stay. */
static size_t thin_out(struct rng *r)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		if (rnd_below(r, 10)) {
			free(objs[i]);
			objs[i] = NULL;
		} else {
			left += sizes[i];
		}
	}
	return left;
}

int main(int argc, char **argv)
{
	size_t wait_s = arg_num(argc, argv, 2, 2), left = 0;
	uint64_t start;
	double before;
	struct rng r;

	silent = argc > 3;
	count = scaled(arg_scale(argc, argv), 1200000);
	sizes = must(malloc(count * sizeof(*sizes)));
	objs = must(malloc(count * sizeof(*objs)));
	rng_seed(&r, 1);
	for (size_t i = 0; i < count; i++)
		sizes[i] = (uint32_t)rnd_size_log(&r, 4, 11);
	memset(objs, 0, count * sizeof(*objs));
	before = rss_kb();
	start = now_ns();
	for (int round = 0; round < 3; round++) {
		size_t bytes = fill();

		if (!round)
			put("full_live", (double)bytes / 1024, "kB");
		left = thin_out(&r);
	}
	put_result(now_ns() - start, (double)count);
	put("held_live", (double)left / 1024, "kB");
	put("held_now", rss_kb() - before, "kB");
	idle_along(wait_s);
	put("held_90", rss_kb() - before, "kB");
	for (size_t i = 0; i < count; i++)
		free(objs[i]);
	idle_along(wait_s);
	put("held_100", rss_kb() - before, "kB");
	free(objs);
	free(sizes);
	return 0;
}
