// SPDX-License-Identifier: MIT
/*
 * builtins_number.c - fixnums. They are no references, and no collected object is made here.
 */
#include "lisp.h"
#include <stdlib.h>

static val number(int64_t n, bool overflow)
{
	if (overflow || n > FIXNUM_MAX || n < FIXNUM_MIN)
		error("number too large", NULL);
	return fixnum(n);
}

static val add(int argc, val *argv)
{
	int64_t sum = 0;

	for (int i = 0; i < argc; i++)
		sum = fixnum_value(number(sum + need_fixnum(argv[i]), false));
	return fixnum(sum);
}

static val subtract(int argc, val *argv)
{
	int64_t n = need_fixnum(argv[0]);

	if (argc == 1)
		return number(-n, false);
	for (int i = 1; i < argc; i++)
		n = fixnum_value(number(n - need_fixnum(argv[i]), false));
	return fixnum(n);
}

static val multiply(int argc, val *argv)
{
	int64_t n = 1;

	for (int i = 0; i < argc; i++) {
		bool over = __builtin_mul_overflow(n, need_fixnum(argv[i]), &n);

		number(n, over);
	}
	return fixnum(n);
}

static int64_t divisor(val v)
{
	int64_t n = need_fixnum(v);

	if (!n)
		error("division by zero", NULL);
	return n;
}

static val quotient(int argc, val *argv)
{
	(void)argc;
	return number(need_fixnum(argv[0]) / divisor(argv[1]), false);
}

static val remainder_(int argc, val *argv)
{
	(void)argc;
	return fixnum(need_fixnum(argv[0]) % divisor(argv[1]));
}

static val modulo(int argc, val *argv)
{
	int64_t a = need_fixnum(argv[0]), b = divisor(argv[1]), m = a % b;

	(void)argc;
	return fixnum(m && (m < 0) != (b < 0) ? m + b : m);
}

#define COMPARISON(name, op)                                                                       \
	static val name(int argc, val *argv)                                                       \
	{                                                                                          \
		for (int i = 0; i + 1 < argc; i++)                                                 \
			if (!(need_fixnum(argv[i]) op need_fixnum(argv[i + 1])))                   \
				return FALSE;                                                      \
		return TRUE;                                                                       \
	}
COMPARISON(equals, ==)
COMPARISON(less, <)
COMPARISON(greater, >)
COMPARISON(at_most, <=)
COMPARISON(at_least, >=)

static val minimum(int argc, val *argv)
{
	int64_t n = need_fixnum(argv[0]);

	for (int i = 1; i < argc; i++)
		n = need_fixnum(argv[i]) < n ? need_fixnum(argv[i]) : n;
	return fixnum(n);
}

static val maximum(int argc, val *argv)
{
	int64_t n = need_fixnum(argv[0]);

	for (int i = 1; i < argc; i++)
		n = need_fixnum(argv[i]) > n ? need_fixnum(argv[i]) : n;
	return fixnum(n);
}

static val is_number(int argc, val *argv)
{
	(void)argc;
	return boolean(is_fixnum(argv[0]));
}

static val number_to_string(int argc, val *argv)
{
	(void)argc;
	need_fixnum(argv[0]);
	return print_string(argv[0], false);
}

static val string_to_number(int argc, val *argv)
{
	struct string *s = need(argv[0], T_STRING, "string");
	char *end;
	long long n = strtoll(s->data, &end, 10);

	(void)argc;
	return !s->len || *end || n > FIXNUM_MAX || n < FIXNUM_MIN ? FALSE : fixnum(n);
}

static const struct builtin_def defs[] = {
	{"+", add, 0, MANY},
	{"-", subtract, 1, MANY},
	{"*", multiply, 0, MANY},
	{"quotient", quotient, 2, 2},
	{"remainder", remainder_, 2, 2},
	{"modulo", modulo, 2, 2},
	{"=", equals, 1, MANY},
	{"<", less, 1, MANY},
	{">", greater, 1, MANY},
	{"<=", at_most, 1, MANY},
	{">=", at_least, 1, MANY},
	{"min", minimum, 1, MANY},
	{"max", maximum, 1, MANY},
	{"number?", is_number, 1, 1},
	{"number->string", number_to_string, 1, 1},
	{"string->number", string_to_number, 1, 1},
};

void builtins_number_init(void)
{
	DEFINE_BUILTINS(defs);
}
