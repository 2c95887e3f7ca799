// SPDX-License-Identifier: MIT
/*
 * equal.c - equal? and the hash that goes with it, without recursion.
 *
 * Objects do not move, so that an address is a hash for as long as the object is a key. References
 * are on the C stack, and in struct stack.
 */
#include "lisp.h"
#include <string.h>

static bool same_string(struct string *a, struct string *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

bool equal(val a, val b)
{
	struct stack todo = {0};

	for (;;) {
		if (a == b) {
			;
		} else if (is_pair(a) && is_pair(b)) {
			push(&todo, cdr(a));
			push(&todo, cdr(b));
			a = car(a);
			b = car(b);
			continue;
		} else if (is(a, T_STRING) && is(b, T_STRING)) {
			if (!same_string(a, b))
				return false;
		} else if (is(a, T_VECTOR) && is(b, T_VECTOR)) {
			struct words *v = a, *w = b;

			if (v->len != w->len)
				return false;
			for (uint32_t i = 0; i < v->len; i++) {
				push(&todo, v->w[i]);
				push(&todo, w->w[i]);
			}
		} else {
			return false;
		}
		if (!todo.n)
			return true;
		b = pop(&todo);
		a = pop(&todo);
	}
}

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15;
	return h ^ h >> 32;
}

static uint64_t hash_string(struct string *s)
{
	uint64_t h = s->len;

	for (uint32_t i = 0; i < s->len; i++)
		h = mix(h, (unsigned char)s->data[i]);
	return h;
}

/* Of a list its first four elements, of a vector its length: enough, and soon done. */
uint64_t hash(val v, bool eq)
{
	uint64_t h = 7;

	for (int i = 0; !eq && i < 4 && is_pair(v); i++, v = cdr(v)) {
		val x = car(v);

		if (is_pair(x))
			h = mix(h, 3);
		else
			h = mix(h, hash(x, false));
	}
	if (!eq && is_pair(v))
		return h;
	if (!eq && is(v, T_STRING))
		return mix(h, hash_string(v));
	if (!eq && is(v, T_VECTOR))
		return mix(h, ((struct words *)v)->len);
	return mix(h, (uintptr_t)v);
}
