// SPDX-License-Identifier: MIT
/*
 * builtins.c - what the builtins_*.c share: checking arguments, making them known.
 *
 * argv is in the caller's frame or in a collected array that the caller holds: all arguments are
 * kept while a builtin runs, also those whose content only is in use. See eval.c.
 */
#include "lisp.h"

void *need(val v, enum tag tag, const char *what)
{
	char text[64];

	if (is(v, tag))
		return v;
	snprintf(text, sizeof(text), "not a %s:", what);
	error(text, v);
}

int64_t need_fixnum(val v)
{
	if (!is_fixnum(v))
		error("not a number:", v);
	return fixnum_value(v);
}

int64_t need_index(val v, int64_t end)
{
	int64_t i = need_fixnum(v);

	if (i < 0 || i >= end)
		error("index out of range:", v);
	return i;
}

void define_builtins(const struct builtin_def *defs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		define_global(intern(defs[i].name),
			      make_builtin(defs[i].name, defs[i].fn, defs[i].min, defs[i].max));
}
