// SPDX-License-Identifier: MIT
/*
 * builtins_port.c - files and strings to read from and write to.
 *
 * A port is a held object: a is the text of a string port, os the FILE, n how much was read. FILEs
 * are C's: nothing in them is a reference, and a port that is given up closes its FILE by a
 * finalizer. The finalizer runs on another thread as soon as the port is unreachable, which may be
 * while the last function that used it still is in stdio: argv keeps the port until then.
 *
 * Other threads may use the port when it is closed. len counts who uses the FILE, and one more
 * while the port is open; who counts down to nothing closes it.
 */
#include "lisp.h"
#include <errno.h>
#include <string.h>

#define CLOSED (1u << 31) /* in len: nobody comes any more */

static int open_files;

/* An error where the port is closed; else put_file() follows. */
static FILE *get_file(struct held *port)
{
	uint32_t n = __atomic_load_n(&port->len, __ATOMIC_RELAXED);

	do {
		if (!n || n & CLOSED)
			error("port is closed", NULL);
	} while (!__atomic_compare_exchange_n(&port->len, &n, n + 1, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return port->os;
}

static void put_file(struct held *port)
{
	if (__atomic_sub_fetch(&port->len, 1, __ATOMIC_ACQ_REL) != CLOSED)
		return;
	fclose(port->os);
	__atomic_fetch_sub(&open_files, 1, __ATOMIC_RELAXED);
}

static void close_port(struct held *port)
{
	uint32_t n = __atomic_load_n(&port->len, __ATOMIC_RELAXED);

	do {
		if (!n || n & CLOSED)
			return;
	} while (!__atomic_compare_exchange_n(&port->len, &n, n | CLOSED, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	put_file(port);
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
	port->len = 1;
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
	if (!port) {
		fwrite(s->data, 1, s->len, stdout);
	} else if (is(port, T_BUILDER)) {
		builder_put(port, s->data, s->len);
	} else {
		fwrite(s->data, 1, s->len, get_file(need(port, T_PORT, "port")));
		put_file(port);
	}
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

/* What was read is read, also where it was an error. */
static void end_reading(struct held *port, struct source *s)
{
	port->n = s->pos;
	if (s->file)
		put_file(port);
}

/* @read with the port as reader.c takes it. Text stays where it is, the struct is on our stack. */
static val reading(struct held *port, val (*read)(struct source *s))
{
	struct string *text = port->a;
	struct source s = {
		.file = text ? NULL : get_file(port),
		.text = text ? text->data : NULL,
		.len = text ? text->len : 0,
		.pos = port->n,
	};
	struct catch c;
	val v;

	catch_push(&c);
	if (setjmp(c.jmp)) {
		end_reading(port, &s);
		rethrow(&c);
	}
	v = read(&s);
	catch_pop(&c);
	end_reading(port, &s);
	return v;
}

static val one_char(struct source *s)
{
	int c = source_getc(s);

	return c == EOF ? END_OF_FILE : make_char(c);
}

static val one_line(struct source *s)
{
	val line = make_builder();
	int c = source_getc(s);

	if (c == EOF)
		return END_OF_FILE;
	for (; c != EOF && c != '\n'; c = source_getc(s))
		builder_put(line, (char[]){(char)c}, 1);
	return builder_string(line);
}

static val read_(int argc, val *argv)
{
	(void)argc;
	return reading(need(argv[0], T_PORT, "port"), read_datum);
}

static val read_char(int argc, val *argv)
{
	(void)argc;
	return reading(need(argv[0], T_PORT, "port"), one_char);
}

static val read_line(int argc, val *argv)
{
	(void)argc;
	return reading(need(argv[0], T_PORT, "port"), one_line);
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
