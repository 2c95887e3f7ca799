// SPDX-License-Identifier: MIT
/*
 * builtins_port.c - files and strings to read from and write to.
 *
 * A port is a held object: a is the text of a string port, os the FILE, n how much was read. FILEs
 * are C's: nothing in them is a reference, and a port that is given up closes its FILE by a
 * finalizer. The finalizer runs on another thread as soon as the port is unreachable, which may be
 * while the last function that used it still is in stdio: argv keeps the port until then.
 *
 * close-port and the finalizer both take the FILE by an exchange, so it is closed once.
 */
#include "lisp.h"
#include <errno.h>
#include <string.h>

static int open_files;

static void close_port(void *port)
{
	FILE *f = __atomic_exchange_n(&((struct held *)port)->os, NULL, __ATOMIC_ACQ_REL);

	if (!f)
		return;
	fclose(f);
	__atomic_fetch_sub(&open_files, 1, __ATOMIC_RELAXED);
}

static void finalize_port(void *port, void *arg)
{
	(void)arg;
	close_port(port);
}

static val open_file(val path, const char *mode)
{
	struct string *name = need(path, T_STRING, "string");
	struct held *port = make_held(T_PORT);

	if (lane_gc_set_finalizer(port, finalize_port, NULL) < 0)
		out_of_memory();
	port->os = fopen(name->data, mode);
	if (!port->os)
		error(strerror(errno), path);
	__atomic_fetch_add(&open_files, 1, __ATOMIC_RELAXED);
	return port;
}

static val open_input_file(int argc, val *argv)
{
	(void)argc;
	return open_file(argv[0], "re");
}

static val open_output_file(int argc, val *argv)
{
	(void)argc;
	return open_file(argv[0], "we");
}

static val open_input_string(int argc, val *argv)
{
	struct held *port;

	(void)argc;
	need(argv[0], T_STRING, "string");
	port = make_held(T_PORT);
	lane_gc_write(&port->a, argv[0]);
	return port;
}

/* A builder is an output port. */
static val open_output_string(int argc, val *argv)
{
	(void)argc;
	(void)argv;
	return make_builder();
}

static val get_output_string(int argc, val *argv)
{
	(void)argc;
	return builder_string(need(argv[0], T_BUILDER, "string port"));
}

static val close_port_(int argc, val *argv)
{
	(void)argc;
	close_port(need(argv[0], T_PORT, "port"));
	return UNSPECIFIED;
}

static val open_file_count(int argc, val *argv)
{
	(void)argc;
	(void)argv;
	return fixnum(__atomic_load_n(&open_files, __ATOMIC_RELAXED));
}

static void put(val port, struct string *s)
{
	FILE *f = stdout;

	if (is(port, T_BUILDER)) {
		builder_put(port, s->data, s->len);
		return;
	}
	if (port)
		f = ((struct held *)need(port, T_PORT, "port"))->os;
	if (!f)
		error("port is closed", NULL);
	fwrite(s->data, 1, s->len, f);
}

static val display(int argc, val *argv)
{
	put(argc > 1 ? argv[1] : NULL, print_string(argv[0], false));
	return UNSPECIFIED;
}

static val write_(int argc, val *argv)
{
	put(argc > 1 ? argv[1] : NULL, print_string(argv[0], true));
	return UNSPECIFIED;
}

static val newline(int argc, val *argv)
{
	put(argc ? argv[0] : NULL, make_string("\n", 1));
	return UNSPECIFIED;
}

/* The port as what reader.c takes; the text stays where it is, and the struct is on our stack. */
static struct source begin_reading(struct held *port)
{
	struct string *text = port->a;

	if (!text && !port->os)
		error("port is closed", NULL);
	return (struct source){
		.file = port->os,
		.text = text ? text->data : NULL,
		.len = text ? text->len : 0,
		.pos = port->n,
	};
}

static val read_(int argc, val *argv)
{
	struct held *port = need(argv[0], T_PORT, "port");
	struct source s = begin_reading(port);
	val v = read_datum(&s);

	(void)argc;
	port->n = s.pos;
	return v;
}

static val read_char(int argc, val *argv)
{
	struct held *port = need(argv[0], T_PORT, "port");
	struct source s = begin_reading(port);
	int c = source_getc(&s);

	(void)argc;
	port->n = s.pos;
	return c == EOF ? END_OF_FILE : make_char(c);
}

static val read_line(int argc, val *argv)
{
	struct held *port = need(argv[0], T_PORT, "port");
	struct source s = begin_reading(port);
	val line = make_builder();
	int c = source_getc(&s);

	(void)argc;
	if (c == EOF)
		return END_OF_FILE;
	for (; c != EOF && c != '\n'; c = source_getc(&s))
		builder_put(line, (char[]){(char)c}, 1);
	port->n = s.pos;
	return builder_string(line);
}

static val eof_p(int argc, val *argv)
{
	(void)argc;
	return boolean(argv[0] == END_OF_FILE);
}

static const struct builtin_def defs[] = {
	{"open-input-file", open_input_file, 1, 1},
	{"open-output-file", open_output_file, 1, 1},
	{"open-input-string", open_input_string, 1, 1},
	{"open-output-string", open_output_string, 0, 0},
	{"get-output-string", get_output_string, 1, 1},
	{"close-port", close_port_, 1, 1},
	{"open-file-count", open_file_count, 0, 0},
	{"display", display, 1, 2},
	{"write", write_, 1, 2},
	{"newline", newline, 0, 1},
	{"read", read_, 1, 1},
	{"read-char", read_char, 1, 1},
	{"read-line", read_line, 1, 1},
	{"eof-object?", eof_p, 1, 1},
};

void builtins_port_init(void)
{
	DEFINE_BUILTINS(defs);
}
