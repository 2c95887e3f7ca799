// SPDX-License-Identifier: MIT
/*
 * builtins_string.c - strings of bytes, characters, symbols.
 *
 * A string holds no references: its bytes are stored as usual, without a barrier, and the collector
 * never looks into it. A char * into a string keeps the string while it is on the stack.
 */
#include "lisp.h"
#include <string.h>

static struct string *need_string(val v)
{
	return need(v, T_STRING, "string");
}

static val string_length(int argc, val *argv)
{
	(void)argc;
	return fixnum(need_string(argv[0])->len);
}

static val string_ref(int argc, val *argv)
{
	struct string *s = need_string(argv[0]);

	(void)argc;
	return make_char((unsigned char)s->data[need_index(argv[1], s->len)]);
}

static uint32_t need_char(val v)
{
	if (!is_char(v))
		error("not a character:", v);
	return char_value(v);
}

static val string_set(int argc, val *argv)
{
	struct string *s = need_string(argv[0]);

	(void)argc;
	s->data[need_index(argv[1], s->len)] = need_char(argv[2]);
	return UNSPECIFIED;
}

static val make_string_(int argc, val *argv)
{
	int64_t n = need_index(argv[0], INT32_MAX);
	struct string *s = make_string(NULL, n);

	memset(s->data, argc > 1 ? (int)need_char(argv[1]) : ' ', n);
	return s;
}

static val string_append(int argc, val *argv)
{
	struct string *out;
	size_t len = 0;

	for (int i = 0; i < argc; i++)
		len += need_string(argv[i])->len;
	out = make_string(NULL, len);
	len = 0;
	for (int i = 0; i < argc; i++) {
		struct string *s = argv[i];

		memcpy(out->data + len, s->data, s->len);
		len += s->len;
	}
	return out;
}

static val substring(int argc, val *argv)
{
	struct string *s = need_string(argv[0]);
	int64_t end = argc > 2 ? need_index(argv[2], (int64_t)s->len + 1) : s->len;
	int64_t begin = need_index(argv[1], end + 1);

	return make_string(s->data + begin, end - begin);
}

static int compare(val a, val b)
{
	struct string *s = need_string(a), *t = need_string(b);
	int c = memcmp(s->data, t->data, s->len < t->len ? s->len : t->len);

	return c ? c : (s->len > t->len) - (s->len < t->len);
}

static val string_equal(int argc, val *argv)
{
	(void)argc;
	return boolean(!compare(argv[0], argv[1]));
}

static val string_less(int argc, val *argv)
{
	(void)argc;
	return boolean(compare(argv[0], argv[1]) < 0);
}

static val string_p(int argc, val *argv)
{
	(void)argc;
	return boolean(is(argv[0], T_STRING));
}

static val symbol_p(int argc, val *argv)
{
	(void)argc;
	return boolean(is(argv[0], T_SYMBOL));
}

static val string_to_symbol(int argc, val *argv)
{
	struct string *s = need_string(argv[0]);

	(void)argc;
	return intern_string(s->data, s->len);
}

static val symbol_to_string(int argc, val *argv)
{
	struct symbol *sym = need(argv[0], T_SYMBOL, "symbol");
	struct string *name = sym->name;

	(void)argc;
	return make_string(name->data, name->len);
}

static val symbol_count_(int argc, val *argv)
{
	(void)argc;
	(void)argv;
	return fixnum(symbol_count());
}

static val gensym(int argc, val *argv)
{
	(void)argc;
	(void)argv;
	return make_symbol("g");
}

static val string_to_list(int argc, val *argv)
{
	struct string *s = need_string(argv[0]);
	val l = NIL;

	(void)argc;
	for (uint32_t i = s->len; i > 0; i--)
		l = cons(make_char((unsigned char)s->data[i - 1]), l);
	return l;
}

static val list_to_string(int argc, val *argv)
{
	val b = make_builder();

	(void)argc;
	for (val l = argv[0]; is_pair(l); l = cdr(l)) {
		char c = need_char(car(l));

		builder_put(b, &c, 1);
	}
	return builder_string(b);
}

static val char_p(int argc, val *argv)
{
	(void)argc;
	return boolean(is_char(argv[0]));
}

static val char_to_integer(int argc, val *argv)
{
	(void)argc;
	return fixnum(need_char(argv[0]));
}

static val integer_to_char(int argc, val *argv)
{
	(void)argc;
	return make_char(need_index(argv[0], 256));
}

static const struct builtin_def defs[] = {
	{"string-length", string_length, 1, 1},
	{"string-ref", string_ref, 2, 2},
	{"string-set!", string_set, 3, 3},
	{"make-string", make_string_, 1, 2},
	{"string-append", string_append, 0, MANY},
	{"substring", substring, 2, 3},
	{"string=?", string_equal, 2, 2},
	{"string<?", string_less, 2, 2},
	{"string?", string_p, 1, 1},
	{"symbol?", symbol_p, 1, 1},
	{"string->symbol", string_to_symbol, 1, 1},
	{"symbol->string", symbol_to_string, 1, 1},
	{"symbol-count", symbol_count_, 0, 0},
	{"gensym", gensym, 0, 0},
	{"string->list", string_to_list, 1, 1},
	{"list->string", list_to_string, 1, 1},
	{"char?", char_p, 1, 1},
	{"char->integer", char_to_integer, 1, 1},
	{"integer->char", integer_to_char, 1, 1},
};

void builtins_string_init(void)
{
	DEFINE_BUILTINS(defs);
}
