// SPDX-License-Identifier: MIT
/*
 * The tree as SVG. Each function is an svg of its own inside, placed in per
 * cent: so the graph is as wide as the page without a script, and an svg cuts
 * the text off at its border. Zoom and search are flame.js; without scripts
 * the graph and its tooltips are there still.
 */
#include "flame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report_html.h"

#define ROW 18	     /* pixels */
#define COLOURS 8    /* of files, in flame.css; the last is for all others */
#define MODULES 1000 /* that are told apart */

struct module {
	const char *name;
	int64_t own; /* bytes allocated by its functions themselves */
};

struct drawing {
	FILE *out;
	int64_t all; /* bytes of the root */
	struct module *modules;
	int nr_modules;
	int drawn, left_out;
};

static void count_modules(struct drawing *d, const struct flame *f)
{
	int i = 0;

	while (i < d->nr_modules && d->modules[i].name != f->frame.module)
		i++;
	if (i == d->nr_modules && i < MODULES)
		d->modules[d->nr_modules++] = (struct module){f->frame.module, 0};
	if (i < d->nr_modules)
		d->modules[i].own += f->own;
	for (const struct flame *c = f->first; c; c = c->next)
		count_modules(d, c);
}

static int compare_modules(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	return x->own != y->own ? (x->own < y->own) - (x->own > y->own) : strcmp(x->name, y->name);
}

static int colour(const struct drawing *d, const struct flame *f)
{
	for (int i = 0; i < d->nr_modules && i < COLOURS - 1; i++) {
		if (d->modules[i].name == f->frame.module)
			return i;
	}
	return COLOURS - 1;
}

static bool drawn(const struct drawing *d, const struct flame *f)
{
	return (double)f->bytes >= FLAME_LEAST * (double)d->all;
}

static int depth_of(const struct drawing *d, const struct flame *f)
{
	int deepest = 0;

	for (const struct flame *c = f->first; c; c = c->next) {
		int depth = drawn(d, c) ? depth_of(d, c) : 0;

		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

static void draw_title(const struct drawing *d, const struct flame *f)
{
	char human[HTML_ROOM], share[HTML_ROOM];

	html_text(d->out, f->frame.function);
	if (f->frame.module[0]) {
		fputs(" in ", d->out);
		html_text(d->out, f->frame.module);
	}
	if (f->frame.file) {
		fputs("\n", d->out);
		html_text(d->out, f->frame.file);
		fprintf(d->out, ":%d", f->frame.line);
	}
	fprintf(d->out, "\n%s (%" PRId64 " bytes), %s, %" PRId64 " objects",
		html_bytes(human, (double)f->bytes), f->bytes,
		html_share(share, (double)f->bytes, (double)d->all), f->objects);
	if (f->own && f->first)
		fprintf(d->out, "\nitself %s", html_bytes(human, (double)f->own));
}

static void draw(struct drawing *d, const struct flame *f, double x, int row)
{
	double width = 100 * (double)f->bytes / (double)d->all;

	fprintf(d->out,
		"<svg class=\"f f%d\" x=\"%.4f%%\" y=\"%d\" width=\"%.4f%%\" height=\"%d\" "
		"data-x=\"%.4f\" data-w=\"%.4f\" data-v=\"%" PRId64 "\"><title>",
		row ? colour(d, f) : COLOURS, x, row * ROW, width, ROW - 1, x, width, f->bytes);
	draw_title(d, f);
	fputs("</title><rect width=\"100%\" height=\"100%\"/><text x=\"3\" y=\"13\">", d->out);
	html_text(d->out, f->frame.function);
	fputs("</text></svg>\n", d->out);
	d->drawn++;
	for (const struct flame *c = f->first; c; c = c->next) {
		if (drawn(d, c))
			draw(d, c, x, row + 1);
		else
			d->left_out++;
		x += 100 * (double)c->bytes / (double)d->all;
	}
}

static void legend(const struct drawing *d)
{
	char share[HTML_ROOM];

	fputs("<p class=\"note\">By the file that allocates: ", d->out);
	for (int i = 0; i < d->nr_modules && i < COLOURS - 1; i++) {
		const struct module *m = &d->modules[i];

		if (!m->own && i)
			continue;
		fprintf(d->out,
			"<span><svg class=\"key\" viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect "
			"class=\"k%d\" width=\"1\" height=\"1\"/></svg> <bdi>",
			i);
		html_text(d->out, m->name[0] ? m->name : "not known");
		fprintf(d->out, "</bdi> %s</span> ",
			html_share(share, (double)m->own, (double)d->all));
	}
	if (d->left_out)
		fprintf(d->out, "Left out: %d of less than %g %% each.", d->left_out,
			100 * FLAME_LEAST);
	fputs("</p>\n", d->out);
}

void flame_draw(FILE *out, const struct flame *root, const char *id, const char *what)
{
	struct drawing d = {.out = out, .all = root->bytes};

	if (!root->bytes)
		return;
	d.modules = calloc(MODULES, sizeof(*d.modules));
	if (!d.modules)
		return;
	for (const struct flame *c = root->first; c; c = c->next)
		count_modules(&d, c);
	qsort(d.modules, (size_t)d.nr_modules, sizeof(*d.modules), compare_modules);
	fprintf(out,
		"<div class=\"flame\" id=\"%s\">\n<p class=\"controls\"><input type=\"search\" "
		"placeholder=\"search functions\" aria-label=\"search functions, %s\"> <button "
		"type=\"button\" hidden>whole graph</button> <output></output></p>\n"
		"<svg class=\"graph\" width=\"100%%\" height=\"%d\" role=\"img\" "
		"aria-label=\"flame graph: %s\">\n",
		id, what, depth_of(&d, root) * ROW, what);
	draw(&d, root, 0, 0);
	fputs("</svg>\n", out);
	legend(&d);
	fputs("</div>\n", out);
	free(d.modules);
}
