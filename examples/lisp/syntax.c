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

val head_of(val form)
{
	if (!is_pair(form))
		error("bad syntax:", form);
	return car(form);
}

val tail_of(val form)
{
	if (!is_pair(form))
		error("bad syntax:", form);
	return cdr(form);
}

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

	for (; is_pair(l); l = tail_of(l))
		push(&items, head_of(l));
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
	if (!is_pair(x) || !is_pair(tail_of(x)))
		bad(x);
	return head_of(tail_of(x));
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
	if (head_of(x) == lisp_roots.unquote) {
		if (depth == 1)
			return second(x);
		return list(3, lisp_roots.cons, list(2, form("quote"), head_of(x)),
			    quasi(tail_of(x), depth - 1));
	}
	if (head_of(x) == lisp_roots.quasiquote)
		return list(3, lisp_roots.cons, list(2, form("quote"), head_of(x)),
			    quasi(tail_of(x), depth + 1));
	if (is_pair(head_of(x)) && head_of(head_of(x)) == lisp_roots.unquote_splicing && depth == 1)
		return list(3, lisp_roots.append, second(head_of(x)), quasi(tail_of(x), depth));
	return list(3, lisp_roots.cons, quasi(head_of(x), depth), quasi(tail_of(x), depth));
}

val expand_quasiquote(val x)
{
	return quasi(x, 1);
}

/* (test), (test expression ...): what stands behind the test is a list, too. */
static void need_clause(val c)
{
	if (!is_pair(c) || (tail_of(c) != NIL && !is_pair(tail_of(c))))
		bad(c);
}

/* One clause and, as a cond again, the others. */
val expand_cond(val clauses)
{
	val clause, rest, body;

	if (!is_pair(clauses))
		return UNSPECIFIED;
	clause = head_of(clauses);
	need_clause(clause);
	body = tail_of(clause);
	if (head_of(clause) == lisp_roots.otherwise)
		return cons(form("begin"), body);
	rest = cons(form("cond"), tail_of(clauses));
	if (body == NIL)
		return list(3, form("or"), head_of(clause), rest);
	if (head_of(body) == lisp_roots.arrow) {
		val t = make_symbol("value");

		return list(3, form("let"), list(1, list(2, t, head_of(clause))),
			    list(4, form("if"), t, list(2, second(body), t), rest));
	}
	return list(4, form("if"), head_of(clause), cons(form("begin"), body), rest);
}

/* (case key ((datum ...) body ...) ... (else body ...)) */
val expand_case(val x)
{
	val key = make_symbol("key"), clauses = NIL;
	struct stack in = {0};

	for (val l = tail_of(tail_of(x)); is_pair(l); l = tail_of(l))
		push(&in, head_of(l));
	while (in.n) {
		val c = pop(&in);

		need_clause(c);
		if (head_of(c) != lisp_roots.otherwise)
			c = cons(list(3, lisp_roots.memv, key, list(2, form("quote"), head_of(c))),
				 tail_of(c));
		clauses = cons(c, clauses);
	}
	return list(3, form("let"), list(1, list(2, key, second(x))), cons(form("cond"), clauses));
}

/* (let name ((var init) ...) body ...): the inits do not see the name */
val expand_named_let(val name, val bindings, val body)
{
	val vars = NIL, inits = NIL, lambda;

	for (; is_pair(bindings); bindings = tail_of(bindings)) {
		inits = append_one(inits, second(head_of(bindings)));
		vars = append_one(vars, head_of(head_of(bindings)));
	}
	lambda = cons(form("lambda"), cons(vars, body));
	return cons(list(3, form("letrec"), list(1, list(2, name, lambda)), name), inits);
}

/* (do ((var init step) ...) (test result ...) body ...) */
val expand_do(val x)
{
	val loop = make_symbol("do"), bindings = NIL, steps = NIL,
	    exit = head_of(tail_of(tail_of(x))), body;

	for (val l = second(x); is_pair(l); l = tail_of(l)) {
		val b = head_of(l);
		val init = second(b);

		bindings = append_one(bindings, list(2, head_of(b), init));
		steps = append_one(steps, is_pair(tail_of(tail_of(b)))
						  ? head_of(tail_of(tail_of(b)))
						  : head_of(b));
	}
	if (!is_pair(exit))
		bad(x);
	body = append_one(tail_of(tail_of(tail_of(x))), cons(loop, steps));
	return list(4, form("let"), loop, bindings,
		    list(4, form("if"), head_of(exit), cons(form("begin"), tail_of(exit)),
			 cons(form("begin"), body)));
}
