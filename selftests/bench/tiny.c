// SPDX-License-Identifier: MIT
/* A tiny program: some dozen small objects, and what is resident then. */
#include "bench.h"

int main(void)
{
	void *objs[40];

	for (size_t i = 0; i < 40; i++)
		objs[i] = take(16 + i * 24);
	put("tiny_rss", rss_kb(), "kB");
	for (size_t i = 0; i < 40; i++)
		free(objs[i]);
	return 0;
}
