// SPDX-License-Identifier: MIT
/*
 * builtins_list.c - pairs and predicates.
 *
 * set-car! and set-cdr! are the barrier at its plainest. A list that grows at its end is held by
 * its head, a local variable, and linked by lane_gc_write() although nobody else knows it.
 */
#include "lisp.h"

static val need_pair(val v)
{
	if (!is_pair(v))
		error("not a pair:", v);
	return v;
}

static val list_cons(int argc, val *argv)
{
	(void)argc;
	return cons(argv[0], argv[1]);
}

static val list_car(int argc, val *argv)
{
	(void)argc;
	return car(need_pair(argv[0]));
}

static val list_cdr(int argc, val *argv)
{
	(void)argc;
	return cdr(need_pair(argv[0]));
}

static val set_car(int argc, val *argv)
{
	(void)argc;
	lane_gc_write(&pair_of(need_pair(argv[0]))->car, argv[1]);
	return UNSPECIFIED;
}

static val set_cdr(int argc, val *argv)
{
	(void)argc;
	lane_gc_write(&pair_of(need_pair(argv[0]))->cdr, argv[1]);
	return UNSPECIFIED;
}

static val list_list(int argc, val *argv)
{
	val l = NIL;

	while (argc)
		l = cons(argv[--argc], l);
	return l;
}

static val length(int argc, val *argv)
{
	val l = argv[0];
	int64_t n = 0;

	(void)argc;
	for (; is_pair(l); l = cdr(l))
		n++;
	if (l != NIL)
		error("not a list:", argv[0]);
	return fixnum(n);
}

/* A list that is being made, by its two ends. */
struct tail {
	val head, last;
};

static void add_last(struct tail *t, val x)
{
	val more = cons(x, NIL);

	if (t->head == NIL)
		t->head = more;
	else
		lane_gc_write(&pair_of(t->last)->cdr, more);
	t->last = more;
}

static val append(int argc, val *argv)
{
	struct tail out = {NIL, NIL};

	for (int i = 0; i < argc - 1; i++) {
		val l = argv[i];

		for (; is_pair(l); l = cdr(l))
			add_last(&out, car(l));
		if (l != NIL)
			error("not a list:", argv[i]);
	}
	if (!argc)
		return NIL;
	if (out.head == NIL)
		return argv[argc - 1];
	lane_gc_write(&pair_of(out.last)->cdr, argv[argc - 1]);
	return out.head;
}

static val reverse(int argc, val *argv)
{
	val out = NIL;

	(void)argc;
	for (val l = argv[0]; is_pair(l); l = cdr(l))
		out = cons(car(l), out);
	return out;
}

static val list_tail(int argc, val *argv)
{
	val l = argv[0];

	(void)argc;
	for (int64_t n = need_fixnum(argv[1]); n > 0; n--)
		l = cdr(need_pair(l));
	return l;
}

static val list_ref(int argc, val *argv)
{
	return car(need_pair(list_tail(argc, argv)));
}

static val memq(int argc, val *argv)
{
	(void)argc;
	for (val l = argv[1]; is_pair(l); l = cdr(l))
		if (car(l) == argv[0])
			return l;
	return FALSE;
}

static val member(int argc, val *argv)
{
	(void)argc;
	for (val l = argv[1]; is_pair(l); l = cdr(l))
		if (equal(car(l), argv[0]))
			return l;
	return FALSE;
}

static val assq(int argc, val *argv)
{
	(void)argc;
	for (val l = argv[1]; is_pair(l); l = cdr(l)) {
		val x = car(l);

		if (is_pair(x) && car(x) == argv[0])
			return x;
	}
	return FALSE;
}

static val assoc(int argc, val *argv)
{
	(void)argc;
	for (val l = argv[1]; is_pair(l); l = cdr(l)) {
		val x = car(l);

		if (is_pair(x) && equal(car(x), argv[0]))
			return x;
	}
	return FALSE;
}

static val eq_p(int argc, val *argv)
{
	(void)argc;
	return boolean(argv[0] == argv[1]);
}

static val equal_p(int argc, val *argv)
{
	(void)argc;
	return boolean(equal(argv[0], argv[1]));
}

static val not(int argc, val *argv)
{
	(void)argc;
	return boolean(argv[0] == FALSE);
}

static val null_p(int argc, val *argv)
{
	(void)argc;
	return boolean(argv[0] == NIL);
}

static val pair_p(int argc, val *argv)
{
	(void)argc;
	return boolean(is_pair(argv[0]));
}

static val list_p(int argc, val *argv)
{
	val l = argv[0];

	(void)argc;
	while (is_pair(l))
		l = cdr(l);
	return boolean(l == NIL);
}

static val boolean_p(int argc, val *argv)
{
	(void)argc;
	return boolean(argv[0] == TRUE || argv[0] == FALSE);
}

static val procedure_p(int argc, val *argv)
{
	(void)argc;
	return boolean(is(argv[0], T_CLOSURE) || is(argv[0], T_BUILTIN) || is(argv[0], T_ESCAPE));
}

static const struct builtin_def defs[] = {
	{"cons", list_cons, 2, 2},
	{"car", list_car, 1, 1},
	{"cdr", list_cdr, 1, 1},
	{"set-car!", set_car, 2, 2},
	{"set-cdr!", set_cdr, 2, 2},
	{"list", list_list, 0, MANY},
	{"length", length, 1, 1},
	{"append", append, 0, MANY},
	{"reverse", reverse, 1, 1},
	{"list-tail", list_tail, 2, 2},
	{"list-ref", list_ref, 2, 2},
	{"memq", memq, 2, 2},
	{"memv", memq, 2, 2},
	{"member", member, 2, 2},
	{"assq", assq, 2, 2},
	{"assv", assq, 2, 2},
	{"assoc", assoc, 2, 2},
	{"eq?", eq_p, 2, 2},
	{"eqv?", eq_p, 2, 2},
	{"equal?", equal_p, 2, 2},
	{"not", not, 1, 1},
	{"null?", null_p, 1, 1},
	{"pair?", pair_p, 1, 1},
	{"list?", list_p, 1, 1},
	{"boolean?", boolean_p, 1, 1},
	{"procedure?", procedure_p, 1, 1},
};

void builtins_list_init(void)
{
	DEFINE_BUILTINS(defs);
}
