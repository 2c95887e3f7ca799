// SPDX-License-Identifier: MIT
/*
 * compile.c - data to code: scopes, special forms, macros.
 *
 * The tree is made of collected nodes. What the compiler knows while it works, struct scope, is on
 * the C stack, with pointers to collected objects in it: that is a place like any other. A node is
 * made when all of its parts are, so it is never changed.
 *
 * Derived forms are rewritten to others in syntax.c.
 */
#include "code.h"
#include <string.h>

/* Variables of one frame, in the order of their slots. */
struct scope {
	struct scope *up;
	struct stack vars;
};

static int slot_of(struct scope *s, val symbol)
{
	for (size_t i = s->vars.n; i > 0; i--)
		if (s->vars.w->w[i - 1] == symbol)
			return i;
	return 0;
}

static bool is_local(val symbol, struct scope *s)
{
	for (; s; s = s->up)
		if (slot_of(s, symbol))
			return true;
	return false;
}

static int add_variable(struct scope *s, val symbol)
{
	int slot;

	if (!is(symbol, T_SYMBOL))
		error("not a name of a variable:", symbol);
	slot = slot_of(s, symbol);
	if (slot)
		return slot;
	if (s->vars.n == UINT16_MAX)
		error("too many variables in one scope", symbol);
	push(&s->vars, symbol);
	return s->vars.n;
}

/* A parameter, or what let binds: each name once, for each has a slot of its own. */
static void add_new_variable(struct scope *s, val symbol, val whole)
{
	if (slot_of(s, symbol))
		error("variable bound twice:", whole);
	add_variable(s, symbol);
}

static val compile_variable(val symbol, struct scope *s)
{
	int depth = 0;

	for (; s; s = s->up, depth++) {
		int slot = slot_of(s, symbol);

		if (slot)
			return make_node(depth == 0   ? OP_LOCAL0
					 : depth == 1 ? OP_LOCAL1
						      : OP_LOCAL,
					 slot, fixnum(depth), symbol, NULL);
	}
	return make_node(OP_GLOBAL, 0, symbol, NULL, NULL);
}

static val compile_assignment(val symbol, val node, struct scope *s)
{
	int depth = 0;

	for (; s; s = s->up, depth++) {
		int slot = slot_of(s, symbol);

		if (slot)
			return make_node(OP_SET_LOCAL, slot, fixnum(depth), node, NULL);
	}
	return make_node(OP_SET_GLOBAL, 0, symbol, node, NULL);
}

/* Elements of a list, at least @min, or an error that shows the form. */
static int count(val l, int min, val whole)
{
	int n = 0;

	for (; is_pair(l); l = tail_of(l))
		n++;
	if (l != NIL || n < min)
		error("bad syntax:", whole);
	return n;
}

/* The special form or the macro that a list begins with. */
static struct symbol *head_symbol(val x, struct scope *s)
{
	val head = is_pair(x) ? head_of(x) : NULL;

	return is(head, T_SYMBOL) && !is_local(head, s) ? head : NULL;
}

static val expand(val x, struct scope *s)
{
	for (;;) {
		struct symbol *head = head_symbol(x, s);
		struct stack args = {0};
		struct two *macro;

		if (!head)
			return x;
		macro = head->value;
		if (!is(macro, T_MACRO))
			return x;
		for (val l = tail_of(x); is_pair(l); l = tail_of(l))
			push(&args, head_of(l));
		x = apply(macro->a, args.n, args.w ? args.w->w : NULL);
	}
}

static bool begins_with(val x, val name, struct scope *s)
{
	struct symbol *head = head_symbol(x, s);

	return head && (val)head == name;
}

/* Expand what stands in a body, splice (begin ...), and note the names that it defines. */
static void scan_body(val body, struct scope *s, struct stack *out)
{
	stack_check();
	for (; is_pair(body); body = tail_of(body)) {
		val x = expand(head_of(body), s);

		if (begins_with(x, lisp_roots.begin, s)) {
			scan_body(tail_of(x), s, out);
			continue;
		}
		if (begins_with(x, lisp_roots.define, s)) {
			val name = (count(x, 2, x), head_of(tail_of(x)));

			while (is_pair(name))
				name = head_of(name);
			add_variable(s, name);
		}
		push(out, x);
	}
}

val compile_body(val body, struct scope *s)
{
	struct stack forms = {0};
	val code = NULL;

	if (s)
		scan_body(body, s, &forms);
	else
		for (; is_pair(body); body = tail_of(body))
			push(&forms, head_of(body));
	if (!forms.n)
		return make_node(OP_CONST, 0, UNSPECIFIED, NULL, NULL);
	for (size_t i = 0; i < forms.n; i++)
		lane_gc_write(&forms.w->w[i], compile(forms.w->w[i], s));
	while (forms.n) {
		val node = pop(&forms);

		code = code ? make_node(OP_SEQUENCE, 0, node, code, NULL) : node;
	}
	return code;
}

static val compile_lambda(val name, val params, val body, struct scope *s)
{
	struct scope inner = {.up = s};
	struct node *node;
	val code, last = params;
	bool rest;
	int n;

	for (; is_pair(last); last = tail_of(last))
		add_new_variable(&inner, head_of(last), params);
	n = inner.vars.n;
	rest = last != NIL;
	if (rest)
		add_new_variable(&inner, last, params);
	code = compile_body(body, &inner);
	node = make_node(OP_LAMBDA, n, code, name, fixnum(inner.vars.n));
	node->rest = rest;
	return node;
}

static val compile_list(val l, struct scope *s)
{
	struct words *v = make_words(T_VECTOR, count(l, 0, l));

	for (uint32_t i = 0; i < v->len; i++, l = tail_of(l))
		lane_gc_write(&v->w[i], compile(head_of(l), s));
	return v;
}

static val form_quote(val x, struct scope *s)
{
	(void)s;
	count(x, 2, x);
	return make_node(OP_CONST, 0, head_of(tail_of(x)), NULL, NULL);
}

static val form_if(val x, struct scope *s)
{
	int n = count(x, 3, x);
	val test = compile(head_of(tail_of(x)), s);
	val then = compile(head_of(tail_of(tail_of(x))), s);

	x = tail_of(tail_of(tail_of(x)));
	return make_node(OP_IF, 0, test, then,
			 n > 3 ? compile(head_of(x), s)
			       : make_node(OP_CONST, 0, UNSPECIFIED, NULL, NULL));
}

/* (define name value), (define (name param ...) body ...), (define ((name a) b) ...) */
static val form_define(val x, struct scope *s)
{
	int n = count(x, 2, x);
	val name = head_of(tail_of(x)), node;

	if (is_pair(name) && is_pair(head_of(name)))
		return form_define(
			list(3, head_of(x), head_of(name),
			     cons(form("lambda"), cons(tail_of(name), tail_of(tail_of(x))))),
			s);
	if (is_pair(name)) {
		node = compile_lambda(head_of(name), tail_of(name), tail_of(tail_of(x)), s);
		name = head_of(name);
	} else if (n == 2) {
		node = make_node(OP_CONST, 0, UNSPECIFIED, NULL, NULL);
	} else {
		val value = head_of(tail_of(tail_of(x)));
		bool lambda = begins_with(value, form("lambda"), s) ||
			      begins_with(value, lisp_roots.lambda, s);

		if (lambda)
			count(value, 2, value);
		node = lambda ? compile_lambda(name, head_of(tail_of(value)),
					       tail_of(tail_of(value)), s)
			      : compile(value, s);
	}
	if (!is(name, T_SYMBOL))
		error("not a name of a variable:", name);
	if (!s)
		return make_node(OP_DEFINE, 0, name, node, NULL);
	if (!slot_of(s, name))
		error("define inside of an expression:", x);
	return compile_assignment(name, node, s);
}

static val form_set(val x, struct scope *s)
{
	val name = (count(x, 3, x), head_of(tail_of(x)));

	if (!is(name, T_SYMBOL))
		error("not a name of a variable:", name);
	return compile_assignment(name, compile(head_of(tail_of(tail_of(x))), s), s);
}

static val form_lambda(val x, struct scope *s)
{
	count(x, 2, x);
	return compile_lambda(intern("lambda"), head_of(tail_of(x)), tail_of(tail_of(x)), s);
}

static val form_begin(val x, struct scope *s)
{
	struct stack forms = {0};
	val code = NULL;

	if (!s)
		return compile_body(tail_of(x), NULL);
	/* Not in a body, so definitions have no place here; compile() says so. */
	for (val l = tail_of(x); is_pair(l); l = tail_of(l))
		push(&forms, compile(head_of(l), s));
	if (!forms.n)
		return make_node(OP_CONST, 0, UNSPECIFIED, NULL, NULL);
	while (forms.n) {
		val node = pop(&forms);

		code = code ? make_node(OP_SEQUENCE, 0, node, code, NULL) : node;
	}
	return code;
}

static val let(val x, struct scope *s, enum op op)
{
	struct scope inner = {.up = s};
	struct words *inits;
	val bindings, code;

	count(x, 3, x);
	bindings = head_of(tail_of(x));
	inits = make_words(T_VECTOR, count(bindings, 0, x));
	for (val l = bindings; is_pair(l); l = tail_of(l)) {
		count(head_of(l), 2, x);
		add_new_variable(&inner, head_of(head_of(l)), x);
	}
	if (inner.vars.n != inits->len)
		error("bad syntax:", x);
	for (uint32_t i = 0; i < inits->len; i++, bindings = tail_of(bindings))
		lane_gc_write(&inits->w[i], compile(head_of(tail_of(head_of(bindings))),
						    op == OP_LET ? s : &inner));
	code = compile_body(tail_of(tail_of(x)), &inner);
	return make_node(op, 0, inits, code, fixnum(inner.vars.n));
}

static val form_let(val x, struct scope *s)
{
	count(x, 3, x);
	if (is(head_of(tail_of(x)), T_SYMBOL)) {
		count(x, 4, x);
		return compile(expand_named_let(head_of(tail_of(x)), head_of(tail_of(tail_of(x))),
						tail_of(tail_of(tail_of(x)))),
			       s);
	}
	return let(x, s, OP_LET);
}

static val form_letrec(val x, struct scope *s)
{
	return let(x, s, OP_LETREC);
}

static val form_let_star(val x, struct scope *s)
{
	val bindings;

	count(x, 3, x);
	bindings = head_of(tail_of(x));
	if (!is_pair(bindings) || tail_of(bindings) == NIL)
		return let(x, s, OP_LET);
	return let(list(3, head_of(x), list(1, head_of(bindings)),
			cons(head_of(x), cons(tail_of(bindings), tail_of(tail_of(x))))),
		   s, OP_LET);
}

static val form_and(val x, struct scope *s)
{
	val l = tail_of(x);

	count(x, 1, x);
	if (l == NIL)
		return make_node(OP_CONST, 0, TRUE, NULL, NULL);
	if (tail_of(l) == NIL)
		return compile(head_of(l), s);
	return make_node(OP_IF, 0, compile(head_of(l), s), form_and(l, s),
			 make_node(OP_CONST, 0, FALSE, NULL, NULL));
}

static val form_or(val x, struct scope *s)
{
	val l = tail_of(x);

	count(x, 1, x);
	if (l == NIL)
		return make_node(OP_CONST, 0, FALSE, NULL, NULL);
	if (tail_of(l) == NIL)
		return compile(head_of(l), s);
	return make_node(OP_OR, 0, compile(head_of(l), s), form_or(l, s), NULL);
}

static val form_when(val x, struct scope *s)
{
	count(x, 3, x);
	return compile(
		list(3, form("if"), head_of(tail_of(x)), cons(form("begin"), tail_of(tail_of(x)))),
		s);
}

static val form_unless(val x, struct scope *s)
{
	count(x, 3, x);
	return compile(list(4, form("if"), head_of(tail_of(x)), UNSPECIFIED,
			    cons(form("begin"), tail_of(tail_of(x)))),
		       s);
}

static val form_cond(val x, struct scope *s)
{
	return compile(expand_cond(tail_of(x)), s);
}

static val form_case(val x, struct scope *s)
{
	count(x, 2, x);
	return compile(expand_case(x), s);
}

static val form_do(val x, struct scope *s)
{
	count(x, 3, x);
	return compile(expand_do(x), s);
}

static val form_quasiquote(val x, struct scope *s)
{
	count(x, 2, x);
	return compile(expand_quasiquote(head_of(tail_of(x))), s);
}

/* Takes effect when it is compiled, so that the forms behind it see the macro. */
static val form_define_macro(val x, struct scope *s)
{
	val name, fn;

	count(x, 3, x);
	name = head_of(tail_of(x));
	if (s)
		error("define-macro is for the top level:", x);
	if (is_pair(name)) {
		fn = eval(compile_lambda(head_of(name), tail_of(name), tail_of(tail_of(x)), NULL),
			  NULL);
		name = head_of(name);
	} else {
		fn = eval_datum(head_of(tail_of(tail_of(x))));
	}
	if (!is(name, T_SYMBOL))
		error("not a name of a macro:", name);
	define_global(name, make_two(T_MACRO, fn, NULL));
	return make_node(OP_CONST, 0, name, NULL, NULL);
}

static const struct {
	const char *name;
	val (*compile)(val x, struct scope *s);
} forms[] = {
	{"quote", form_quote},
	{"if", form_if},
	{"define", form_define},
	{"set!", form_set},
	{"lambda", form_lambda},
	{"begin", form_begin},
	{"let", form_let},
	{"let*", form_let_star},
	{"letrec", form_letrec},
	{"and", form_and},
	{"or", form_or},
	{"when", form_when},
	{"unless", form_unless},
	{"cond", form_cond},
	{"case", form_case},
	{"do", form_do},
	{"quasiquote", form_quasiquote},
	{"define-macro", form_define_macro},
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* The form under a name that no program can bind: what a rewritten form may say. */
val form(const char *name)
{
	struct words *v = lisp_roots.forms;

	for (size_t i = 0; i < FORMS; i++)
		if (!strcmp(forms[i].name, name))
			return v->w[i];
	return NULL;
}

void forms_init(void)
{
	struct words *v = make_words(T_VECTOR, FORMS);

	lane_gc_write(&lisp_roots.forms, v);
	for (size_t i = 0; i < FORMS; i++) {
		struct symbol *shown = intern(forms[i].name), *hidden = make_symbol(forms[i].name);

		shown->form = hidden->form = i + 1;
		lane_gc_write(&lisp_roots.bound, cons(shown, lisp_roots.bound));
		lane_gc_write(&v->w[i], hidden);
	}
}

val compile(val x, struct scope *s)
{
	struct symbol *head;

	stack_check();
	x = expand(x, s);
	if (is(x, T_SYMBOL))
		return compile_variable(x, s);
	if (!is_pair(x))
		return make_node(OP_CONST, 0, x, NULL, NULL);
	head = head_symbol(x, s);
	if (head && head->form && !head->value)
		return forms[head->form - 1].compile(x, s);
	return make_node(OP_CALL, 0, compile(head_of(x), s), compile_list(tail_of(x), s), NULL);
}
