// SPDX-License-Identifier: MIT
/*
 * types.c - how each kind of object looks to the collector, and making them.
 *
 * Bitmaps say which words are references: bit 0 is the header. Arrays have one type for each
 * length up to SHAPES, and beyond that a trace callback that goes over the words. All memory comes
 * zeroed, and 0 is no value, so that the collector may look at an object at any time.
 *
 * Stores into a new object go through the barrier like all others: another thread may mark it,
 * with what was in the registers a moment ago, before this one has stored its first field.
 */
#include "lisp.h"
#include <stdlib.h>
#include <string.h>

#define SHAPES 16 /* lengths of arrays that have a bitmap */

struct lisp_roots lisp_roots;

static const struct lane_gc_type *pair_type, *two_type, *three_type, *table_type, *held_type,
	*builder_type;
static const struct lane_gc_type *shape_type[SHAPES + 1];
static const struct lane_gc_type *long_type;

/* Words of an array, its header among them: what has its top bit set is no reference. */
static void trace_words(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	val *w = obj;

	for (size_t i = 0; i < size / sizeof(val); i++) {
		/* Another thread may store at the same time; either value will do. */
		uintptr_t v = (uintptr_t)__atomic_load_n(&w[i], __ATOMIC_RELAXED);

		if (v >= 4096 && !(v & TOP_BIT))
			lane_gc_trace(tracer, &w[i]);
	}
}

static void must(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "lisp: %s: %s\n", what, strerror(-result));
		exit(1);
	}
}

static const struct lane_gc_type *bitmap_type(const char *name, size_t size, uint64_t bitmap)
{
	const struct lane_gc_type *type;
	struct lane_gc_layout layout = {
		.sz = sizeof(layout),
		.name = name,
		.size = size,
		.bitmap = &bitmap,
		.bitmap_bits = size / sizeof(val) < 64 ? size / sizeof(val) : 64,
	};

	must(lane_gc_type_create(&layout, &type), name);
	return type;
}

void types_init(void)
{
	struct lane_gc_layout layout = {
		.sz = sizeof(layout),
		.name = "long array",
		.size = sizeof(val),
		.trace = trace_words,
	};

	must(lane_gc_type_create(&layout, &long_type), layout.name);
	pair_type = bitmap_type("pair", sizeof(struct pair), 3);
	two_type = bitmap_type("two", sizeof(struct two), 6);
	three_type = bitmap_type("three", sizeof(struct two) + sizeof(val), 14);
	table_type = bitmap_type("table", sizeof(struct table), 2);
	held_type = bitmap_type("held", sizeof(struct held), 6);
	builder_type = bitmap_type("builder", sizeof(struct builder), 2);
	for (size_t n = 0; n <= SHAPES; n++)
		shape_type[n] = bitmap_type("array", sizeof(struct words) + n * sizeof(val),
					    ((1ul << n) - 1) << 1);

	must(lane_gc_add_roots(&lisp_roots, sizeof(lisp_roots)), "roots");
	lane_gc_write(&lisp_roots.bound, NIL);
}

static void *made(void *p, enum tag tag, size_t len)
{
	struct obj *o = p;

	if (!o)
		error("out of memory", NULL);
	o->tag = tag;
	o->len = len;
	return o;
}

val cons(val a, val d)
{
	struct pair *p = lane_gc_alloc(pair_type);

	if (!p)
		error("out of memory", NULL);
	lane_gc_write(&p->car, a);
	lane_gc_write(&p->cdr, d);
	return (char *)p + 1;
}

val make_string(const char *s, size_t len)
{
	struct string *str;

	if (len >= INT32_MAX)
		error("string too long", NULL);
	str = made(lane_gc_alloc_noscan(sizeof(*str) + len + 1), T_STRING, len);
	if (s)
		memcpy(str->data, s, len);
	return str;
}

val make_words(enum tag tag, size_t len)
{
	if (len >= INT32_MAX)
		error("vector too long", NULL);
	if (len <= SHAPES)
		return made(lane_gc_alloc(shape_type[len]), tag, len);
	return made(lane_gc_alloc_array(long_type, 1 + len), tag, len);
}

val make_two(enum tag tag, val a, val b)
{
	struct two *t = made(lane_gc_alloc(two_type), tag, 0);

	lane_gc_write(&t->a, a);
	lane_gc_write(&t->b, b);
	return t;
}

void *make_three(enum tag tag, val a, val b, val c)
{
	val *t = made(lane_gc_alloc(three_type), tag, 0);

	lane_gc_write(&t[1], a);
	lane_gc_write(&t[2], b);
	lane_gc_write(&t[3], c);
	return t;
}

val make_closure(val lambda, val env)
{
	return make_two(T_CLOSURE, lambda, env);
}

void *make_plain(enum tag tag, size_t size)
{
	return made(lane_gc_alloc_noscan(size), tag, 0);
}

void *make_held(enum tag tag)
{
	return made(lane_gc_alloc(held_type), tag, 0);
}

val make_builtin(const char *name, builtin_fn *fn, int min, int max)
{
	struct builtin *b = make_plain(T_BUILTIN, sizeof(*b));

	b->min = min;
	b->max = max;
	b->name = name;
	b->fn = fn;
	return b;
}

val make_table(bool eq)
{
	struct table *t = made(lane_gc_alloc(table_type), T_TABLE, eq);

	lane_gc_write(&t->slots, make_words(T_SLOTS, 16));
	return t;
}

val make_builder(void)
{
	struct builder *b = made(lane_gc_alloc(builder_type), T_BUILDER, 0);

	lane_gc_write(&b->buf, make_string(NULL, 40));
	return b;
}

/* Two threads that put without a lock lose text, but each keeps to the buffer that it has seen. */
void builder_put(val v, const char *s, size_t n)
{
	struct builder *b = v;
	struct string *buf = b->buf;
	size_t used = b->used;

	if (used > buf->len)
		used = buf->len;
	if (n > buf->len - used) {
		struct string *more = make_string(NULL, 2 * used + n);

		memcpy(more->data, buf->data, used);
		lane_gc_write(&b->buf, more);
		buf = more;
	}
	memcpy(buf->data + used, s, n);
	b->used = used + n;
}

void builder_puts(val b, const char *s)
{
	builder_put(b, s, strlen(s));
}

val builder_string(val v)
{
	struct builder *b = v;
	struct string *buf = b->buf;

	return make_string(buf->data, b->used < buf->len ? b->used : buf->len);
}
