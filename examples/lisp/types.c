// SPDX-License-Identifier: MIT
/*
 * types.c - how each kind of object looks to the collector, and making them.
 *
 * All memory comes zeroed, and 0 is no value, so that the collector may look at an object at any
 * time. Three ways to say where references are:
 *
 *  - Nothing but words that are references: pairs, code, arrays of any length. That is the
 *    cheapest to mark, and needs no word for the type. A header and a fixnum may stand among them
 *    because their top bit is set: no address has that.
 *  - A bitmap, where other things are in between: closures, tables, builders.
 *  - A trace callback for held objects, where it is the tag that says what a word is.
 *
 * Strings and builtins hold none and are not looked at.
 *
 * Stores into a new object go through the barrier like all others. The thread's stack may have been
 * scanned already, and then nothing but the barrier knows of what a register holds.
 */
#include "code.h"
#include <stdlib.h>
#include <string.h>

struct lisp_roots lisp_roots;

static const struct lane_gc_type *pair_type, *node_type, *word_type;	/* references alone */
static const struct lane_gc_type *two_type, *table_type, *builder_type; /* by bitmap */
static const struct lane_gc_type *held_type;				/* by callback */

/*
 * Runs beside threads that use the object. One that has just been made may have no tag yet, and
 * then no reference: whatever is stored later goes through the barrier.
 */
static void trace_held(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	struct held *h = obj;

	(void)size;
	switch (__atomic_load_n(&h->tag, __ATOMIC_RELAXED)) {
	case (uint32_t)T_THREAD:
		lane_gc_trace(tracer, &h->b);
		/* fall through */
	case (uint32_t)T_PORT:
	case (uint32_t)T_WEAK:
		lane_gc_trace(tracer, &h->a);
		break;
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
		.name = "held",
		.size = sizeof(struct held),
		.trace = trace_held,
	};

	must(lane_gc_type_create(&layout, &held_type), layout.name);
	word_type = bitmap_type("word", sizeof(val), 1);
	pair_type = bitmap_type("pair", sizeof(struct pair), 3);
	node_type = bitmap_type("node", sizeof(struct node), 15);
	two_type = bitmap_type("two", sizeof(struct two), 6);
	table_type = bitmap_type("table", sizeof(struct table), 2);
	builder_type = bitmap_type("builder", sizeof(struct builder), 2);

	must(lane_gc_add_roots(&lisp_roots, sizeof(lisp_roots)), "roots");
	lane_gc_write(&lisp_roots.bound, NIL);
	lane_gc_write(&lisp_roots.no_memory,
		      make_two(T_ERROR, make_string("out of memory", 13), NIL));
}

static void *made(void *p, enum tag tag, size_t len)
{
	struct obj *o = p;

	if (!o)
		out_of_memory();
	o->tag = tag;
	o->len = len;
	return o;
}

val cons(val a, val d)
{
	struct pair *p = lane_gc_alloc(pair_type);

	if (!p)
		out_of_memory();
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
	return made(lane_gc_alloc_array(word_type, 1 + len), tag, len);
}

val make_two(enum tag tag, val a, val b)
{
	struct two *t = made(lane_gc_alloc(two_type), tag, 0);

	lane_gc_write(&t->a, a);
	lane_gc_write(&t->b, b);
	return t;
}

struct node *make_node(enum op op, uint16_t n, val a, val b, val c)
{
	struct node *node = made(lane_gc_alloc(node_type), T_NODE, 0);

	node->op = op;
	node->n = n;
	lane_gc_write(&node->a, a);
	lane_gc_write(&node->b, b);
	lane_gc_write(&node->c, c);
	return node;
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
	size_t used = __atomic_load_n(&b->used, __ATOMIC_RELAXED);

	return make_string(buf->data, used < buf->len ? used : buf->len);
}
