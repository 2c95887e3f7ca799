// SPDX-License-Identifier: MIT
/*
 * calloc of 16 bytes to 256 KiB, a random one of 1000 live objects replaced
 * each time; a look at four places proves the zeroes, then the object is
 * written to. zeroed SCALE
 */
#include "bench.h"

#define LIVE 1000

int main(int argc, char **argv)
{
	size_t steps = scaled(arg_scale(argc, argv), 2000000);
	static char *objs[LIVE];
	uint64_t start;
	struct rng r;

	rng_seed(&r, 1);
	start = now_ns();
	for (size_t n = 0; n < steps; n++) {
		size_t size = rnd_size_log(&r, 4, 18), at = rnd_below(&r, LIVE);
		char *p;

		free(objs[at]);
		p = objs[at] = must(calloc(1, size));
		if (p[0] | p[size / 3] | p[size / 2] | p[size - 1])
			die("zeroed: calloc gave dirty memory");
		memset(p, 1, size < 256 ? size : 256);
		p[size / 3] = p[size / 2] = p[size - 1] = 1;
	}
	start = now_ns() - start;
	put_result(start, (double)steps);
	for (int i = 0; i < LIVE; i++)
		free(objs[i]);
	return 0;
}
