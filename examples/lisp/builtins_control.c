// SPDX-License-Identifier: MIT
/*
 * builtins_control.c - errors, escapes, eval.
 *
 * A struct catch is a local variable: the value that was thrown is scanned where it is.
 */
#include "lisp.h"
#include <stdlib.h>

/* (error message irritant ...) */
static val raise_error(int argc, val *argv)
{
	val irritants = NIL;

	while (argc > 1)
		irritants = cons(argv[--argc], irritants);
	throw(THROWN_ERROR, NULL, make_two(T_ERROR, argv[0], irritants));
}

static val raise(int argc, val *argv)
{
	(void)argc;
	throw(THROWN_ERROR, NULL, argv[0]);
}

static val error_p(int argc, val *argv)
{
	(void)argc;
	return boolean(is(argv[0], T_ERROR));
}

static val error_message(int argc, val *argv)
{
	(void)argc;
	return ((struct two *)need(argv[0], T_ERROR, "error"))->a;
}

static val error_irritants(int argc, val *argv)
{
	(void)argc;
	return ((struct two *)need(argv[0], T_ERROR, "error"))->b;
}

/* (try thunk handler): the thunk's value or, where it raises something, what the handler makes of
 * it */
static val try(int argc, val *argv)
{
	struct catch c;
	val v;

	(void)argc;
	catch_push(&c);
	if (!setjmp(c.jmp)) {
		v = apply(argv[0], 0, NULL);
		catch_pop(&c);
		return v;
	}
	if (c.what != THROWN_ERROR)
		rethrow(&c);
	return apply(argv[1], 1, &c.value);
}

/* (call/ec procedure): calls it with a procedure that returns from here, once, and in this thread
 */
static val call_with_escape(int argc, val *argv)
{
	struct held *escape;
	struct catch c;
	val v;

	(void)argc;
	catch_push(&c);
	if (!setjmp(c.jmp)) {
		escape = make_held(T_ESCAPE);
		escape->os = &c;
		escape->n = c.serial;
		v = apply(argv[0], 1, (val *)&escape);
		catch_pop(&c);
		return v;
	}
	if (c.what != THROWN_ESCAPE || c.target != &c)
		rethrow(&c);
	return c.value;
}

static val eval_(int argc, val *argv)
{
	(void)argc;
	return eval_datum(argv[0]);
}

static val load(int argc, val *argv)
{
	struct string *path = need(argv[0], T_STRING, "string");

	(void)argc;
	load_file(path->data);
	return UNSPECIFIED;
}

static val exit_(int argc, val *argv)
{
	exit(argc ? need_fixnum(argv[0]) : 0);
}

static const struct builtin_def defs[] = {
	{"error", raise_error, 1, MANY},
	{"raise", raise, 1, 1},
	{"error?", error_p, 1, 1},
	{"error-message", error_message, 1, 1},
	{"error-irritants", error_irritants, 1, 1},
	{"try", try, 2, 2},
	{"call/ec", call_with_escape, 1, 1},
	{"apply", builtin_apply, 2, MANY},
	{"eval", eval_, 1, 1},
	{"load", load, 1, 1},
	{"exit", exit_, 0, 1},
};

void builtins_control_init(void)
{
	DEFINE_BUILTINS(defs);
}
