// SPDX-License-Identifier: MIT
/*
 * error.c - errors and escapes, by longjmp() to the innermost struct catch.
 *
 * What is thrown travels in the struct catch, which is on a stack and so is scanned; a __thread
 * variable would not be. longjmp() itself needs nothing from the collector: the frames that it
 * leaves are not scanned any more, and what setjmp()'s caller goes on using is in its frame, since
 * compilers keep nothing in registers across a call that returns twice.
 *
 * One thing must not be jumped out of: what lies between lane_gc_enter_blocking() and
 * lane_gc_leave_blocking(). No code there can throw.
 */
#include "lisp.h"
#include <pthread.h>
#include <stdlib.h>

#define STACK_RESERVE (128ul << 10) /* bytes for what runs behind the last check */

__thread struct lisp_thread self;

void thread_init(void)
{
	pthread_attr_t attr;
	void *start;
	size_t size;

	if (self.stack_limit || pthread_getattr_np(pthread_self(), &attr))
		return;
	pthread_attr_getstack(&attr, &start, &size);
	pthread_attr_destroy(&attr);
	self.stack_limit = (char *)start + STACK_RESERVE;
}

void catch_push(struct catch *c)
{
	c->up = self.top;
	c->target = NULL;
	c->value = NULL;
	c->serial = ++self.serial;
	self.top = c;
}

void catch_pop(struct catch *c)
{
	self.top = c->up;
}

void throw(enum thrown what, struct catch *target, val value)
{
	struct catch *c = self.top;

	if (!c) {
		print_error(stderr, value);
		exit(1);
	}
	self.top = c->up;
	c->what = what;
	c->target = target;
	c->value = value;
	longjmp(c->jmp, 1);
}

void rethrow(struct catch *c)
{
	throw(c->what, c->target, c->value);
}

void error(const char *message, val irritant)
{
	throw(THROWN_ERROR, NULL,
	      make_two(T_ERROR, make_string(message, __builtin_strlen(message)),
		       irritant ? cons(irritant, NIL) : NIL));
}

/* The error was made at the start: to make one takes memory. To show it does, too. */
void out_of_memory(void)
{
	if (self.top && lisp_roots.no_memory)
		throw(THROWN_ERROR, NULL, lisp_roots.no_memory);
	fputs("lisp: out of memory\n", stderr);
	exit(1);
}

void stack_overflow(void)
{
	error("recursion too deep", NULL);
}

/* An escape procedure knows its catch by address, number and thread; a is unused, b too. */
void invoke_escape(val escape, val value)
{
	struct held *e = escape;

	for (struct catch *c = self.top; c; c = c->up)
		if (c == e->os && c->serial == e->n)
			throw(THROWN_ESCAPE, c, value);
	error("escape procedure used outside of its call/ec", NULL);
}
