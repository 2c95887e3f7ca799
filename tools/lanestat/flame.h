/* SPDX-License-Identifier: MIT */
/*
 * flame.h - call stacks as a tree of functions, and the tree as a flame graph.
 *
 * A function is as wide as what was allocated in it and in what it called; it
 * hangs below its caller. What is narrower than FLAME_LEAST of the whole is left out.
 */
#ifndef LANESTAT_FLAME_H
#define LANESTAT_FLAME_H

#include <stdbool.h>
#include <stdio.h>

#include "profile.h"
#include "symbols.h"

#define FLAME_LEAST 0.0005

struct flame {
	struct frame frame;
	int64_t bytes;	     /* here and below */
	int64_t objects;     /* likewise */
	int64_t own;	     /* bytes allocated by the function itself */
	struct flame *first; /* what it called, widest first */
	struct flame *next;
	struct flame *caller; /* NULL: the root */
};

/* By @v, in bytes, and the objects that go with it; NULL without memory. */
struct flame *flame_build(const struct profile *p, struct symbols *s, enum profile_value v);
void flame_free(struct flame *root);

/* The graph as SVG with a field to search it, and below the files that the code is in. */
void flame_draw(FILE *out, const struct flame *root, const char *id, const char *what);

#endif /* LANESTAT_FLAME_H */
