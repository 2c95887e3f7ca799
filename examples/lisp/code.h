/* SPDX-License-Identifier: MIT */
/*
 * code.h - what compile.c makes and eval.c runs: a tree of collected nodes.
 *
 * A variable is (depth, index): so many frames up, slot of that frame. Slot 0 of a frame is the
 * frame around it, so that variables begin at 1.
 */
#ifndef CODE_H
#define CODE_H

#include "lisp.h"

enum op {
	OP_CONST,      /* a: value */
	OP_LOCAL,      /* n: index, a: depth, b: name */
	OP_LOCAL0,     /* n: index, depth 0, b: name */
	OP_LOCAL1,     /* n: index, depth 1, b: name */
	OP_GLOBAL,     /* a: symbol */
	OP_SET_LOCAL,  /* n: index, a: depth, b: node */
	OP_SET_GLOBAL, /* a: symbol, b: node */
	OP_DEFINE,     /* a: symbol, b: node */
	OP_IF,	       /* a, b, c */
	OP_OR,	       /* a, b */
	OP_SEQUENCE,   /* a, then b */
	OP_LAMBDA,     /* n: parameters, rest, a: body, b: name, c: variables */
	OP_LET,	       /* a: vector of nodes, evaluated outside, b: body, c: variables */
	OP_LETREC,     /* the same, evaluated inside */
	OP_CALL,       /* a: procedure, b: vector of arguments */
};

struct node {
	uint8_t op;
	uint8_t rest; /* of a lambda: the last parameter takes the list of all others */
	uint16_t n;
	uint32_t tag;
	val a, b, c;
};

struct node *make_node(enum op op, uint16_t n, val a, val b, val c);

#endif
