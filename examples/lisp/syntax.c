// SPDX-License-Identifier: MIT
/*
 * syntax.c - derived forms as others: data in, data out.
 *
 * What they expand to names forms by symbols that no program can bind, and builtins by themselves,
 * so that a program may call its own things "if" and "cons". New lists are made from the outside
 * in, and each is held by a local variable: nothing else is needed to keep them.
 */
#include "lisp.h"
#include <stdarg.h>

val list(int n, ...)
{
	val items[8], l = NIL;
	va_list ap;

	va_start(ap, n);
	for (int i = 0; i < n; i++)
		items[i] = va_arg(ap, val);
	va_end(ap);
	while (n)
		l = cons(items[--n], l);
	return l;
}

static val append_one(val l, val x)
{
	struct stack items = {0};
	val out = list(1, x);

	for (; is_pair(l); l = cdr(l))
		push(&items, car(l));
	while (items.n)
		out = cons(pop(&items), out);
	return out;
}

_Noreturn static void bad(val x)
{
	error("bad syntax:", x);
}

static val second(val x)
{
	if (!is_pair(x) || !is_pair(cdr(x)))
		bad(x);
	return car(cdr(x));
}

/* Goes down a list's cdr, too: a template is as long as somebody typed it. */
static val quasi(val x, int depth)
{
	stack_check();
	if (is(x, T_VECTOR)) {
		struct words *v = x;
		val l = NIL;

		for (uint32_t i = v->len; i > 0; i--)
			l = cons(v->w[i - 1], l);
		return list(2, lisp_roots.list_to_vector, quasi(l, depth));
	}
	if (!is_pair(x))
		return list(2, form("quote"), x);
	if (car(x) == lisp_roots.unquote) {
		if (depth == 1)
			return second(x);
		return list(3, lisp_roots.cons, list(2, form("quote"), car(x)),
			    quasi(cdr(x), depth - 1));
	}
	if (car(x) == lisp_roots.quasiquote)
		return list(3, lisp_roots.cons, list(2, form("quote"), car(x)),
			    quasi(cdr(x), depth + 1));
	if (is_pair(car(x)) && car(car(x)) == lisp_roots.unquote_splicing && depth == 1)
		return list(3, lisp_roots.append, second(car(x)), quasi(cdr(x), depth));
	return list(3, lisp_roots.cons, quasi(car(x), depth), quasi(cdr(x), depth));
}

val expand_quasiquote(val x)
{
	return quasi(x, 1);
}

/* (test), (test expression ...): what stands behind the test is a list, too. */
static void need_clause(val c)
{
	if (!is_pair(c) || (cdr(c) != NIL && !is_pair(cdr(c))))
		bad(c);
}

/* One clause and, as a cond again, the others. */
val expand_cond(val clauses)
{
	val clause, rest, body;

	if (!is_pair(clauses))
		return UNSPECIFIED;
	clause = car(clauses);
	need_clause(clause);
	body = cdr(clause);
	if (car(clause) == lisp_roots.otherwise)
		return cons(form("begin"), body);
	rest = cons(form("cond"), cdr(clauses));
	if (body == NIL)
		return list(3, form("or"), car(clause), rest);
	if (car(body) == lisp_roots.arrow) {
		val t = make_symbol("value");

		return list(3, form("let"), list(1, list(2, t, car(clause))),
			    list(4, form("if"), t, list(2, second(body), t), rest));
	}
	return list(4, form("if"), car(clause), cons(form("begin"), body), rest);
}

/* (case key ((datum ...) body ...) ... (else body ...)) */
val expand_case(val x)
{
	val key = make_symbol("key"), clauses = NIL;
	struct stack in = {0};

	for (val l = cdr(cdr(x)); is_pair(l); l = cdr(l))
		push(&in, car(l));
	while (in.n) {
		val c = pop(&in);

		need_clause(c);
		if (car(c) != lisp_roots.otherwise)
			c = cons(list(3, lisp_roots.memv, key, list(2, form("quote"), car(c))),
				 cdr(c));
		clauses = cons(c, clauses);
	}
	return list(3, form("let"), list(1, list(2, key, second(x))), cons(form("cond"), clauses));
}

/* (let name ((var init) ...) body ...): the inits do not see the name */
val expand_named_let(val name, val bindings, val body)
{
	val vars = NIL, inits = NIL, lambda;

	for (; is_pair(bindings); bindings = cdr(bindings)) {
		inits = append_one(inits, second(car(bindings)));
		vars = append_one(vars, car(car(bindings)));
	}
	lambda = cons(form("lambda"), cons(vars, body));
	return cons(list(3, form("letrec"), list(1, list(2, name, lambda)), name), inits);
}

/* (do ((var init step) ...) (test result ...) body ...) */
val expand_do(val x)
{
	val loop = make_symbol("do"), bindings = NIL, steps = NIL, exit = car(cdr(cdr(x))), body;

	for (val l = second(x); is_pair(l); l = cdr(l)) {
		val b = car(l);
		val init = second(b);

		bindings = append_one(bindings, list(2, car(b), init));
		steps = append_one(steps, is_pair(cdr(cdr(b))) ? car(cdr(cdr(b))) : car(b));
	}
	if (!is_pair(exit))
		bad(x);
	body = append_one(cdr(cdr(cdr(x))), cons(loop, steps));
	return list(4, form("let"), loop, bindings,
		    list(4, form("if"), car(exit), cons(form("begin"), cdr(exit)),
			 cons(form("begin"), body)));
}
