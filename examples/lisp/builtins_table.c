// SPDX-License-Identifier: MIT
/*
 * builtins_table.c - vectors and hash tables.
 *
 * Bulk copies are one lane_gc_memmove(), which shades what it overwrites and what it copies, word
 * by word. memmove() would be right most of the time, and lose an object in a cycle now and then.
 */
#include "lisp.h"

static struct words *need_vector(val v)
{
	return need(v, T_VECTOR, "vector");
}

static val make_vector(int argc, val *argv)
{
	int64_t n = need_index(argv[0], INT32_MAX);
	struct words *v = make_words(T_VECTOR, n);
	val fill = argc > 1 ? argv[1] : fixnum(0);

	for (int64_t i = 0; i < n; i++)
		lane_gc_write(&v->w[i], fill);
	return v;
}

static val vector(int argc, val *argv)
{
	struct words *v = make_words(T_VECTOR, argc);

	lane_gc_memmove(v->w, argv, argc * sizeof(val));
	return v;
}

static val vector_length(int argc, val *argv)
{
	(void)argc;
	return fixnum(need_vector(argv[0])->len);
}

static val vector_ref(int argc, val *argv)
{
	struct words *v = need_vector(argv[0]);

	(void)argc;
	return v->w[need_index(argv[1], v->len)];
}

static val vector_set(int argc, val *argv)
{
	struct words *v = need_vector(argv[0]);

	(void)argc;
	lane_gc_write(&v->w[need_index(argv[1], v->len)], argv[2]);
	return UNSPECIFIED;
}

/* (vector-copy! to at from start end), may overlap */
static val vector_copy(int argc, val *argv)
{
	struct words *to = need_vector(argv[0]), *from = need_vector(argv[2]);
	int64_t at = need_index(argv[1], (int64_t)to->len + 1);
	int64_t end = argc > 4 ? need_index(argv[4], (int64_t)from->len + 1) : from->len;
	int64_t start = argc > 3 ? need_index(argv[3], end + 1) : 0;

	if (end - start > to->len - at)
		error("no room in the vector:", argv[1]);
	lane_gc_memmove(&to->w[at], &from->w[start], (end - start) * sizeof(val));
	return UNSPECIFIED;
}

static val vector_fill(int argc, val *argv)
{
	struct words *v = need_vector(argv[0]);

	(void)argc;
	for (uint32_t i = 0; i < v->len; i++)
		lane_gc_write(&v->w[i], argv[1]);
	return UNSPECIFIED;
}

static val vector_p(int argc, val *argv)
{
	(void)argc;
	return boolean(is(argv[0], T_VECTOR));
}

static val vector_to_list(int argc, val *argv)
{
	struct words *v = need_vector(argv[0]);
	val l = NIL;

	(void)argc;
	for (uint32_t i = v->len; i > 0; i--)
		l = cons(v->w[i - 1], l);
	return l;
}

static val list_to_vector(int argc, val *argv)
{
	struct stack items = {0};

	(void)argc;
	for (val l = argv[0]; is_pair(l); l = cdr(l))
		push(&items, car(l));
	return vector(items.n, items.w ? items.w->w : NULL);
}

static val make_table_(int argc, val *argv)
{
	(void)argc;
	(void)argv;
	return make_table(false);
}

static val make_eq_table(int argc, val *argv)
{
	(void)argc;
	(void)argv;
	return make_table(true);
}

static struct table *need_table(val v)
{
	return need(v, T_TABLE, "table");
}

static val table_p(int argc, val *argv)
{
	(void)argc;
	return boolean(is(argv[0], T_TABLE));
}

static val table_ref(int argc, val *argv)
{
	return table_get(need_table(argv[0]), argv[1], argc > 2 ? argv[2] : FALSE);
}

static val table_set(int argc, val *argv)
{
	(void)argc;
	table_put(need_table(argv[0]), argv[1], argv[2]);
	return UNSPECIFIED;
}

static val table_delete(int argc, val *argv)
{
	(void)argc;
	return boolean(table_remove(need_table(argv[0]), argv[1]));
}

static val table_count(int argc, val *argv)
{
	(void)argc;
	return fixnum(need_table(argv[0])->count);
}

static val table_clear_(int argc, val *argv)
{
	(void)argc;
	table_clear(need_table(argv[0]));
	return UNSPECIFIED;
}

/* A list of (key . value), in no order. */
static val table_to_list(int argc, val *argv)
{
	struct words *slots = need_table(argv[0])->slots;
	val l = NIL;

	(void)argc;
	for (uint32_t i = 0; i < slots->len; i += 2) {
		val key = slots->w[i];

		if (key && key != TOMBSTONE)
			l = cons(cons(key, slots->w[i + 1]), l);
	}
	return l;
}

static const struct builtin_def defs[] = {
	{"make-vector", make_vector, 1, 2},
	{"vector", vector, 0, MANY},
	{"vector-length", vector_length, 1, 1},
	{"vector-ref", vector_ref, 2, 2},
	{"vector-set!", vector_set, 3, 3},
	{"vector-copy!", vector_copy, 3, 5},
	{"vector-fill!", vector_fill, 2, 2},
	{"vector?", vector_p, 1, 1},
	{"vector->list", vector_to_list, 1, 1},
	{"list->vector", list_to_vector, 1, 1},
	{"make-table", make_table_, 0, 0},
	{"make-eq-table", make_eq_table, 0, 0},
	{"table?", table_p, 1, 1},
	{"table-ref", table_ref, 2, 3},
	{"table-set!", table_set, 3, 3},
	{"table-delete!", table_delete, 2, 2},
	{"table-count", table_count, 1, 1},
	{"table-clear!", table_clear_, 1, 1},
	{"table->list", table_to_list, 1, 1},
};

void builtins_table_init(void)
{
	DEFINE_BUILTINS(defs);
}
