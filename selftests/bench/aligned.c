// SPDX-License-Identifier: MIT
/*
 * Objects on cache line and page boundaries, a random one of 2000 replaced
 * each time: aligned SCALE
 */
#include "bench.h"

#define LIVE 2000

int main(int argc, char **argv)
{
	size_t steps = scaled(arg_scale(argc, argv), 15000000);
	static char *objs[LIVE];
	uint64_t start;
	struct rng r;

	rng_seed(&r, 1);
	start = now_ns();
	for (size_t n = 0; n < steps; n++) {
		size_t at = rnd_below(&r, LIVE), align = n % 16 ? 64 : 4096;
		void *p;

		free(objs[at]);
		if (posix_memalign(&p, align, 1 + rnd_below(&r, 1024)) || (uintptr_t)p % align)
			die("aligned: posix_memalign");
		objs[at] = keep(p);
		*objs[at] = 1;
	}
	start = now_ns() - start;
	put_result(start, (double)steps);
	for (int i = 0; i < LIVE; i++)
		free(objs[i]);
	return 0;
}
