// SPDX-License-Identifier: MIT
/* The same object again and again: pair SCALE [SIZE [THREADS]] */
#include "bench.h"

static size_t pairs, size;

static void work(unsigned int id, void *arg)
{
	(void)id;
	(void)arg;
	for (size_t i = 0; i < pairs; i++)
		free(take(size));
}

int main(int argc, char **argv)
{
	unsigned int threads = (unsigned int)arg_num(argc, argv, 3, 1);
	uint64_t ns;

	pairs = scaled(arg_scale(argc, argv), 200000000);
	size = arg_num(argc, argv, 2, 64);
	ns = run_threads(threads, work, NULL);
	put_result(ns, (double)pairs);
	return 0;
}
