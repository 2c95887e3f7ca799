// SPDX-License-Identifier: MIT
/*
 * stack.c - a stack of vals for walks that would recurse on data.
 *
 * struct stack itself lives on the C stack of the walker, the vals in a collected array that it
 * points to: found from there, and given up with the walker's frame. An array of the collected
 * heap and not of malloc(), because that would not be scanned.
 */
#include "lisp.h"

void push(struct stack *s, val v)
{
	if (!s->w || s->n == s->w->len) {
		struct words *more = make_words(T_VECTOR, s->w ? 2 * s->n : 16);

		if (s->w)
			lane_gc_memmove(more->w, s->w->w, s->n * sizeof(val));
		s->w = more;
	}
	lane_gc_write(&s->w->w[s->n++], v);
}

/* What was popped stays in the array until the next push: it is garbage a little later. */
val pop(struct stack *s)
{
	return s->w->w[--s->n];
}
