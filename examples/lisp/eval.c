// SPDX-License-Identifier: MIT
/*
 * eval.c - runs code: one loop, in which tail calls go round, and which calls itself for the rest.
 *
 * Arguments are evaluated into an array on the C stack, by plain stores, and go into the callee's
 * frame by one lane_gc_memmove(): one barrier for all of them. More than ON_STACK go into a
 * collected array, by lane_gc_write(). The array outlives a builtin's call, so that a builtin's
 * arguments are kept while it runs, even if it has taken out of them what it needs.
 */
#include "code.h"

#define ON_STACK 6

static inline val load(struct words *frame, struct node *n)
{
	val v = frame->w[n->n];

	if (__builtin_expect(!v, 0))
		error("variable used before its definition", n->b);
	return v;
}

static inline struct words *frame_at(val env, val depth)
{
	struct words *frame = env;

	for (int64_t d = fixnum_value(depth); d > 0; d--)
		frame = frame->w[0];
	return frame;
}

static inline val global(struct symbol *sym)
{
	val v = sym->value;

	if (__builtin_expect(!v, 0))
		error("unbound variable", sym);
	return v;
}

/* The common leaves without a call. */
static inline val value(val code, val env)
{
	struct node *n = code;

	switch (n->op) {
	case OP_CONST:
		return n->a;
	case OP_LOCAL0:
		return load(env, n);
	case OP_LOCAL1:
		return load(((struct words *)env)->w[0], n);
	case OP_GLOBAL:
		return global(n->a);
	}
	return eval(code, env);
}

static val rest_list(int argc, val *args, int from)
{
	val rest = NIL;

	while (argc > from)
		rest = cons(args[--argc], rest);
	return rest;
}

/* The frame of a closure that is called. */
static val bind(struct closure *f, int argc, val *args)
{
	struct node *lambda = f->lambda;
	struct words *frame;

	if (argc != lambda->n && (argc < lambda->n || !lambda->rest))
		error("wrong number of arguments to", lambda->b);
	frame = make_words(T_FRAME, 1 + fixnum_value(lambda->c));
	lane_gc_write(&frame->w[0], f->env);
	if (lambda->n)
		lane_gc_memmove(&frame->w[1], args, lambda->n * sizeof(val));
	if (lambda->rest)
		lane_gc_write(&frame->w[1 + lambda->n], rest_list(argc, args, lambda->n));
	return frame;
}

static val call_builtin(struct builtin *b, int argc, val *args)
{
	if (argc < b->min || (argc > b->max && b->max != MANY))
		error("wrong number of arguments to", b);
	return b->fn(argc, args);
}

/* (apply f x ... list): the arguments that f gets, in a collected array */
static val *spread(int *argc, val *args)
{
	struct stack all = {0};
	val l = args[*argc - 1];

	for (int i = 1; i < *argc - 1; i++)
		push(&all, args[i]);
	for (; is_pair(l); l = cdr(l))
		push(&all, car(l));
	*argc = all.n;
	return all.w ? all.w->w : NULL;
}

val apply(val fn, int argc, val *args)
{
	if (is(fn, T_CLOSURE)) {
		struct closure *f = fn;

		return eval(((struct node *)f->lambda)->a, bind(f, argc, args));
	}
	if (is(fn, T_BUILTIN))
		return call_builtin(fn, argc, args);
	if (is(fn, T_ESCAPE))
		invoke_escape(fn, argc ? args[0] : UNSPECIFIED);
	error("not a procedure:", fn);
}

/* eval() takes (apply ...) apart itself where it meets it, for the tail call. */
val builtin_apply(int argc, val *argv)
{
	val *args = spread(&argc, argv);

	return apply(argv[0], argc, args);
}

static val new_scope(struct node *n, val env)
{
	struct words *frame = make_words(T_FRAME, 1 + fixnum_value(n->c));
	struct words *inits = n->a;

	lane_gc_write(&frame->w[0], env);
	for (uint32_t i = 0; i < inits->len; i++)
		lane_gc_write(&frame->w[1 + i], value(inits->w[i], n->op == OP_LET ? env : frame));
	return frame;
}

static val define(struct node *n, val env)
{
	return define_global(n->a, value(n->b, env));
}

static val set_global(struct node *n, val env)
{
	struct symbol *sym = n->a;
	val v = value(n->b, env);

	global(sym);
	lane_gc_write(&sym->value, v);
	return UNSPECIFIED;
}

static val set_local(struct node *n, val env)
{
	struct words *frame = frame_at(env, n->a);

	lane_gc_write(&frame->w[n->n], value(n->b, env));
	return UNSPECIFIED;
}

val eval(val code, val env)
{
	val on_stack[ON_STACK];

	stack_check();
	for (;;) {
		struct node *n = code;
		struct words *exprs;
		val fn, v, *args;
		int argc;

		switch ((enum op)n->op) {
		case OP_CONST:
		case OP_LOCAL0:
		case OP_LOCAL1:
		case OP_GLOBAL:
			return value(code, env);
		case OP_LOCAL:
			return load(frame_at(env, n->a), n);
		case OP_SET_LOCAL:
			return set_local(n, env);
		case OP_SET_GLOBAL:
			return set_global(n, env);
		case OP_DEFINE:
			return define(n, env);
		case OP_IF:
			code = value(n->a, env) != FALSE ? n->b : n->c;
			continue;
		case OP_OR:
			v = value(n->a, env);
			if (v != FALSE)
				return v;
			code = n->b;
			continue;
		case OP_SEQUENCE:
			value(n->a, env);
			code = n->b;
			continue;
		case OP_LAMBDA:
			return make_closure(code, env);
		case OP_LET:
		case OP_LETREC:
			env = new_scope(n, env);
			code = n->b;
			continue;
		case OP_CALL:
			break;
		}

		fn = value(n->a, env);
		exprs = n->b;
		argc = exprs->len;
		args = argc <= ON_STACK ? on_stack
					: ((struct words *)make_words(T_VECTOR, argc))->w;
		for (int i = 0; i < argc; i++) {
			v = value(exprs->w[i], env);
			if (args == on_stack)
				on_stack[i] = v;
			else
				lane_gc_write(&args[i], v);
		}
		while (is(fn, T_BUILTIN) && ((struct builtin *)fn)->fn == builtin_apply &&
		       argc > 1) {
			fn = args[0];
			args = spread(&argc, args);
		}
		if (!is(fn, T_CLOSURE))
			return apply(fn, argc, args);
		env = bind(fn, argc, args);
		code = ((struct node *)((struct closure *)fn)->lambda)->a;
	}
}

val eval_datum(val x)
{
	return eval(compile(x, NULL), NULL);
}
