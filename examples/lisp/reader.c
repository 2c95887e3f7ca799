// SPDX-License-Identifier: MIT
/*
 * reader.c - text to data.
 *
 * Lists grow at their end through lane_gc_write(); the part that has been read is found from the
 * local variable that holds its head. A list may be as long as it likes; what is nested recurses,
 * and stack_check() says when that goes too deep. struct source may point into a collected string:
 * it is on the caller's stack, and an address inside an object keeps it.
 */
#include "lisp.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX 4096

int source_getc(struct source *s)
{
	int c;

	if (s->file) {
		errno = 0;
		c = getc(s->file);
		/* A file that cannot be read on does not end there. */
		if (c == EOF && ferror(s->file))
			error(strerror(errno ? errno : EIO), NULL);
	} else {
		c = s->pos < s->len ? (unsigned char)s->text[s->pos++] : EOF;
	}
	s->line += c == '\n';
	return c;
}

static void unget(struct source *s, int c)
{
	if (c == EOF)
		return;
	s->line -= c == '\n';
	if (s->file)
		ungetc(c, s->file);
	else
		s->pos--;
}

_Noreturn static void syntax(struct source *s, const char *what)
{
	error(what, fixnum(s->line + 1));
}

static int skip_blanks(struct source *s)
{
	int c;

	for (;;) {
		c = source_getc(s);
		if (c == ';')
			while (c != '\n' && c != EOF)
				c = source_getc(s);
		if (c == EOF || !isspace(c))
			return c;
	}
}

static val read_list(struct source *s)
{
	val head = NIL, tail = NIL;

	for (;;) {
		int c = skip_blanks(s);
		val x, more;

		if (c == ')')
			return head;
		if (c == EOF)
			syntax(s, "end of file inside of a list, line");
		if (c == '.' && tail != NIL) {
			int next = source_getc(s);

			unget(s, next);
			if (isspace(next) || next == '(') {
				x = read_datum(s);
				lane_gc_write(&pair_of(tail)->cdr, x);
				c = skip_blanks(s);
				if (c == EOF)
					syntax(s, "end of file inside of a list, line");
				if (c != ')')
					syntax(s, "more than one datum behind a dot, line");
				return head;
			}
		}
		unget(s, c);
		x = read_datum(s);
		more = cons(x, NIL);
		if (tail == NIL)
			head = more;
		else
			lane_gc_write(&pair_of(tail)->cdr, more);
		tail = more;
	}
}

static val read_vector(struct source *s)
{
	struct stack items = {0};
	struct words *v;

	for (val l = read_list(s); is_pair(l); l = cdr(l))
		push(&items, car(l));
	v = make_words(T_VECTOR, items.n);
	if (items.n)
		lane_gc_memmove(v->w, items.w->w, items.n * sizeof(val));
	return v;
}

static val read_text(struct source *s)
{
	val b = make_builder();
	int c;

	while ((c = source_getc(s)) != '"') {
		char byte;

		if (c == EOF)
			syntax(s, "end of file inside of a string, line");
		if (c == '\\') {
			c = source_getc(s);
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
		}
		byte = c;
		builder_put(b, &byte, 1);
	}
	return builder_string(b);
}

static bool delimits(int c)
{
	return c == EOF || isspace(c) || (c && strchr("()\";'", c));
}

static void read_token(struct source *s, char *token)
{
	size_t n = 0;
	int c;

	while (!delimits(c = source_getc(s))) {
		if (n == TOKEN_MAX - 1)
			syntax(s, "name too long, line");
		if (!c)
			syntax(s, "byte 0 in a name, line");
		token[n++] = c;
	}
	unget(s, c);
	token[n] = 0;
}

static val read_hash(struct source *s)
{
	static const struct {
		const char *name;
		char c;
	} names[] = {
		{"space", ' '}, {"newline", '\n'}, {"tab", '\t'}, {"return", '\r'}, {"nul", 0}};
	char token[TOKEN_MAX];
	int c = source_getc(s);

	if (c == '(')
		return read_vector(s);
	if (c == '\\') {
		c = source_getc(s);
		read_token(s, token);
		if (!token[0])
			return make_char(c);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (names[i].name[0] == c && !strcmp(names[i].name + 1, token))
				return make_char(names[i].c);
		syntax(s, "unknown character, line");
	}
	unget(s, c);
	read_token(s, token);
	if (!strcmp(token, "t"))
		return TRUE;
	if (!strcmp(token, "f"))
		return FALSE;
	syntax(s, "unknown syntax behind #, line");
}

static val read_atom(struct source *s)
{
	char token[TOKEN_MAX], *end;
	long long n;

	read_token(s, token);
	if (isdigit((unsigned char)token[0]) ||
	    (strchr("+-", token[0]) && isdigit((unsigned char)token[1]))) {
		n = strtoll(token, &end, 10);
		if (!*end) {
			if (n > FIXNUM_MAX || n < FIXNUM_MIN)
				syntax(s, "number too large, line");
			return fixnum(n);
		}
	}
	return intern(token);
}

static val quoted(struct source *s, val symbol)
{
	val x = read_datum(s);

	if (x == END_OF_FILE)
		syntax(s, "end of file behind a quote, line");
	return cons(symbol, cons(x, NIL));
}

val read_datum(struct source *s)
{
	int c = skip_blanks(s);

	stack_check();
	switch (c) {
	case EOF:
		return END_OF_FILE;
	case '(':
		return read_list(s);
	case ')':
		syntax(s, "unexpected ), line");
	case '"':
		return read_text(s);
	case '#':
		return read_hash(s);
	case '\'':
		return quoted(s, lisp_roots.quote);
	case '`':
		return quoted(s, lisp_roots.quasiquote);
	case ',':
		c = source_getc(s);
		if (c == '@')
			return quoted(s, lisp_roots.unquote_splicing);
		unget(s, c);
		return quoted(s, lisp_roots.unquote);
	}
	unget(s, c);
	return read_atom(s);
}
