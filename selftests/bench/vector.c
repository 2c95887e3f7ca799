// SPDX-License-Identifier: MIT
/*
 * Vectors that grow by half, 64 of them side by side, each to its own random
 * size up to 2^MAX bytes, then freed and begun anew. vector SCALE [MAX]
 */
#include "bench.h"

#define VECTORS 64

struct vector {
	char *data;
	size_t len, room, goal;
};

static size_t reallocs;

static void append(struct vector *v, size_t bytes)
{
	if (v->len + bytes > v->room) {
		size_t room = v->room + v->room / 2;

		v->room = room > v->len + bytes ? room : v->len + bytes;
		v->data = must(realloc(v->data, v->room));
		reallocs++;
	}
	memset(v->data + v->len, 1, bytes);
	v->len += bytes;
}

int main(int argc, char **argv)
{
	unsigned int max = (unsigned int)arg_num(argc, argv, 2, 16);
	size_t bytes = scaled(arg_scale(argc, argv), (size_t)(max > 16 ? 12 : 8) << 30), done = 0;
	struct vector vectors[VECTORS] = {{0}};
	uint64_t start;
	struct rng r;

	rng_seed(&r, max);
	start = now_ns();
	while (done < bytes) {
		struct vector *v = &vectors[rnd_below(&r, VECTORS)];
		size_t piece = v->goal / 64 + 1;

		if (v->len >= v->goal) {
			free(v->data);
			*v = (struct vector){.goal = rnd_size_log(&r, 6, max)};
			continue;
		}
		append(v, piece);
		done += piece + 256; /* the loop itself counts for small vectors */
	}
	start = now_ns() - start;
	put_result(start, (double)reallocs);
	for (int i = 0; i < VECTORS; i++)
		free(vectors[i].data);
	return 0;
}
