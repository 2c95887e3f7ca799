// SPDX-License-Identifier: MIT
/*
 * main.c - lisp [-e EXPRESSION] [FILE ...]; without either, asks for lines.
 *
 * Order at start: lane_gc_init(), attach this thread, types, roots; then collected objects. What
 * the files below need of the collector is all said in lisp.h.
 */
#include "lisp.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(const char *what, int err)
{
	fprintf(stderr, "lisp: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void symbols_init(void)
{
	struct {
		val *root;
		const char *name;
	} named[] = {
		{&lisp_roots.quote, "quote"},
		{&lisp_roots.quasiquote, "quasiquote"},
		{&lisp_roots.unquote, "unquote"},
		{&lisp_roots.unquote_splicing, "unquote-splicing"},
		{&lisp_roots.arrow, "=>"},
		{&lisp_roots.otherwise, "else"},
		{&lisp_roots.define, "define"},
		{&lisp_roots.begin, "begin"},
		{&lisp_roots.lambda, "lambda"},
	};
	struct {
		val *root;
		const char *name;
	} builtins[] = {
		{&lisp_roots.cons, "cons"},
		{&lisp_roots.append, "append"},
		{&lisp_roots.list_to_vector, "list->vector"},
		{&lisp_roots.memv, "memv"},
	};

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		lane_gc_write(named[i].root, intern(named[i].name));
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
		lane_gc_write(builtins[i].root, ((struct symbol *)intern(builtins[i].name))->value);
}

static void lisp_init(void)
{
	int err = lane_gc_init(NULL);

	if (err < 0)
		fail("lane_gc_init", err);
	err = lane_gc_attach();
	if (err < 0)
		fail("lane_gc_attach", err);
	thread_init();
	types_init();
	builtins_number_init();
	builtins_list_init();
	builtins_string_init();
	builtins_table_init();
	builtins_control_init();
	builtins_port_init();
	builtins_thread_init();
	builtins_gc_init();
	symbols_init();
	forms_init();
	load_text(prelude);
}

static void run(struct source *s)
{
	for (;;) {
		val x = read_datum(s);

		if (x == END_OF_FILE)
			return;
		eval_datum(x);
	}
}

void load_text(const char *text)
{
	struct source s = {.text = text, .len = strlen(text)};

	run(&s);
}

void load_file(const char *path)
{
	struct source s = {.file = fopen(path, "re")};
	struct catch c;

	if (!s.file)
		error("cannot open", make_string(path, strlen(path)));
	catch_push(&c);
	if (setjmp(c.jmp)) {
		fclose(s.file);
		rethrow(&c);
	}
	run(&s);
	catch_pop(&c);
	fclose(s.file);
}

/* Waiting for a person is the longest system call there is. */
static ssize_t ask(char **line, size_t *size, const char *prompt)
{
	ssize_t n;

	if (isatty(0))
		fputs(prompt, stdout);
	fflush(stdout);
	lane_gc_enter_blocking();
	n = getline(line, size, stdin);
	lane_gc_leave_blocking();
	return n;
}

/*
 * Run the whole data that was typed so far. Returns a builder with what is left, a datum that goes
 * on in the next line: what has run does not run again.
 */
static val run_typed(val typed)
{
	struct string *text = builder_string(typed);
	struct source s = {.text = text->data, .len = text->len};
	struct catch c;
	volatile bool reading = true;
	volatile size_t done = 0;

	catch_push(&c);
	if (setjmp(c.jmp)) {
		struct two *e = c.value;
		val rest = make_builder();

		if (reading && is(e, T_ERROR) &&
		    !strncmp(((struct string *)e->a)->data, "end of file", 11))
			builder_put(rest, text->data + done, text->len - done);
		else
			print_error(stdout, c.value);
		return rest;
	}
	for (;;) {
		val x, v;

		reading = true;
		x = read_datum(&s);
		reading = false;
		if (x == END_OF_FILE)
			break;
		done = s.pos;
		v = eval_datum(x);
		if (v != UNSPECIFIED) {
			struct string *shown = print_string(v, true);

			fwrite(shown->data, 1, shown->len, stdout);
			putchar('\n');
		}
	}
	catch_pop(&c);
	return make_builder();
}

static void repl(void)
{
	val typed = make_builder();
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = ask(&line, &size, ((struct builder *)typed)->used ? "...   " : "lisp> ")) > 0) {
		builder_put(typed, line, n);
		typed = run_typed(typed);
	}
	if (((struct builder *)typed)->used)
		puts("error: end of file inside of what was typed last");
	free(line);
}

int main(int argc, char **argv)
{
	struct catch c;

	catch_push(&c);
	if (setjmp(c.jmp)) {
		fflush(stdout);
		print_error(stderr, c.value);
		return 1;
	}
	lisp_init();
	if (argc == 1)
		repl();
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-e") && i + 1 < argc)
			load_text(argv[++i]);
		else
			load_file(argv[i]);
	}
	return 0;
}
