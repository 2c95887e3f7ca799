// SPDX-License-Identifier: MIT
/*
 * print.c - data to text, without recursion.
 *
 * What is still to be printed is in a struct stack: a kind and a val alternate, and a vector's next
 * index travels with the kind. The text goes to a builder, a collected object, and from there to a
 * port in one piece, so that threads do not mix their lines.
 *
 * Other threads may change what is being printed; each val is loaded once.
 */
#include "lisp.h"
#include <string.h>

enum kind { VALUE, TAIL, CLOSE, ELEMENT };

static const char *const type_names[] = {
	"string",  "symbol",	"vector",  "frame", "slots",	 "table",
	"code",	   "procedure", "builtin", "macro", "error",	 "escape",
	"builder", "port",	"thread",  "mutex", "condition", "weak-box",
};

static void put_quoted(val b, struct string *s)
{
	builder_put(b, "\"", 1);
	for (uint32_t i = 0; i < s->len; i++) {
		char c = s->data[i];

		if (c == '\n')
			builder_put(b, "\\n", 2);
		else if (c == '"' || c == '\\')
			builder_put(b, (char[]){'\\', c}, 2);
		else
			builder_put(b, &c, 1);
	}
	builder_put(b, "\"", 1);
}

static void put_char(val b, uint32_t c, bool write)
{
	char byte = c;

	if (write && c == ' ')
		builder_puts(b, "#\\space");
	else if (write && c == '\n')
		builder_puts(b, "#\\newline");
	else if (write)
		builder_put(b, (char[]){'#', '\\', byte}, 3);
	else
		builder_put(b, &byte, 1);
}

static void put_object(val b, struct obj *o, bool write)
{
	val name = NULL;

	if (o->tag == (uint32_t)T_STRING && write) {
		put_quoted(b, (struct string *)o);
		return;
	}
	if (o->tag == (uint32_t)T_STRING) {
		builder_put(b, ((struct string *)o)->data, o->len);
		return;
	}
	if (o->tag == (uint32_t)T_SYMBOL) {
		struct string *s = ((struct symbol *)o)->name;

		builder_put(b, s->data, s->len);
		return;
	}
	builder_puts(b, "#<");
	builder_puts(b, type_names[o->tag - T_STRING]);
	if (o->tag == (uint32_t)T_ERROR)
		name = ((struct two *)o)->a;
	if (o->tag == (uint32_t)T_BUILTIN) {
		builder_put(b, " ", 1);
		builder_puts(b, ((struct builtin *)o)->name);
	}
	if (is(name, T_STRING)) {
		builder_put(b, " ", 1);
		builder_put(b, ((struct string *)name)->data, ((struct string *)name)->len);
	}
	builder_put(b, ">", 1);
}

static void put_atom(val b, val v, bool write)
{
	char text[32];

	if (is_fixnum(v)) {
		snprintf(text, sizeof(text), "%ld", (long)fixnum_value(v));
		builder_puts(b, text);
	} else if (is_char(v)) {
		put_char(b, char_value(v), write);
	} else if (is_object(v)) {
		put_object(b, v, write);
	} else {
		builder_puts(b, v == NIL	   ? "()"
				: v == TRUE	   ? "#t"
				: v == FALSE	   ? "#f"
				: v == END_OF_FILE ? "#<eof>"
						   : "#<unspecified>");
	}
}

static void push_kind(struct stack *todo, enum kind kind, uint64_t index, val v)
{
	push(todo, v);
	push(todo, fixnum(index << 2 | kind));
}

/* (quote x) and its like as 'x; NULL where it is none. What was x is in @x. */
static const char *prefix_of(val v, val *x)
{
	val head = car(v), rest = cdr(v);

	if (!is_pair(rest) || cdr(rest) != NIL)
		return NULL;
	*x = car(rest);
	return head == lisp_roots.quote		     ? "'"
	       : head == lisp_roots.quasiquote	     ? "`"
	       : head == lisp_roots.unquote	     ? ","
	       : head == lisp_roots.unquote_splicing ? ",@"
						     : NULL;
}

static void put_value(val b, struct stack *todo, val v, bool write)
{
	const char *prefix;
	val x;

	if (is_pair(v) && (prefix = prefix_of(v, &x))) {
		builder_puts(b, prefix);
		push_kind(todo, VALUE, 0, x);
	} else if (is_pair(v)) {
		builder_put(b, "(", 1);
		push_kind(todo, TAIL, 0, cdr(v));
		push_kind(todo, VALUE, 0, car(v));
	} else if (is(v, T_VECTOR)) {
		builder_put(b, "#(", 2);
		push_kind(todo, ELEMENT, 0, v);
	} else {
		put_atom(b, v, write);
	}
}

static void put_tail(val b, struct stack *todo, val v)
{
	if (v == NIL) {
		builder_put(b, ")", 1);
	} else if (is_pair(v)) {
		builder_put(b, " ", 1);
		push_kind(todo, TAIL, 0, cdr(v));
		push_kind(todo, VALUE, 0, car(v));
	} else {
		builder_put(b, " . ", 3);
		push_kind(todo, CLOSE, 0, NIL);
		push_kind(todo, VALUE, 0, v);
	}
}

static void put_element(val b, struct stack *todo, struct words *v, uint64_t i)
{
	if (i == v->len) {
		builder_put(b, ")", 1);
		return;
	}
	if (i)
		builder_put(b, " ", 1);
	push_kind(todo, ELEMENT, i + 1, v);
	push_kind(todo, VALUE, 0, v->w[i]);
}

void print_to(val b, val v, bool write)
{
	struct stack todo = {0};

	put_value(b, &todo, v, write);
	while (todo.n) {
		uint64_t kind = fixnum_value(pop(&todo));

		v = pop(&todo);
		switch ((enum kind)(kind & 3)) {
		case VALUE:
			put_value(b, &todo, v, write);
			break;
		case TAIL:
			put_tail(b, &todo, v);
			break;
		case CLOSE:
			builder_put(b, ")", 1);
			break;
		case ELEMENT:
			put_element(b, &todo, v, kind >> 2);
			break;
		}
	}
}

val print_string(val v, bool write)
{
	val b = make_builder();

	print_to(b, v, write);
	return builder_string(b);
}

/* "error: MESSAGE IRRITANT...", or what else was raised */
void print_error(FILE *file, val v)
{
	val b = make_builder();
	struct string *s;

	builder_puts(b, "error: ");
	if (is(v, T_ERROR)) {
		print_to(b, ((struct two *)v)->a, false);
		for (val l = ((struct two *)v)->b; is_pair(l); l = cdr(l)) {
			builder_put(b, " ", 1);
			print_to(b, car(l), true);
		}
	} else {
		print_to(b, v, true);
	}
	builder_put(b, "\n", 1);
	s = builder_string(b);
	fwrite(s->data, 1, s->len, file);
}
