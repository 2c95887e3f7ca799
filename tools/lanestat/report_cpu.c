// SPDX-License-Identifier: MIT
/* CPUs: columns of what each cache holds and may hold, and of the operations; cpuinfo as a table.
 */
#include <inttypes.h>

#include "report.h"
#include "report_chart.h"
#include "report_html.h"

/* What a column shows: an outline or backdrop, and what stands before it. */
struct pair {
	const char *back, *front;
	const char *back_class, *front_class;
};

static int64_t value(const struct text *t, int row, const char *column)
{
	return text_cell(t, row, text_column(t, column));
}

static int64_t largest(const struct text *t, int rows, const struct pair *p)
{
	int64_t most = 0;

	for (int i = 0; i < rows; i++) {
		if (value(t, i, p->back) > most)
			most = value(t, i, p->back);
		if (value(t, i, p->front) > most)
			most = value(t, i, p->front);
	}
	return most;
}

static void column(const struct chart *c, const char *cls, double x, double width, int64_t v)
{
	fprintf(c->out, "<rect class=\"%s\" x=\"%.3f\" y=\"%.3f\" width=\"%.3f\" height=\"%.3f\"/>",
		cls, x, chart_y(c, (double)v), width, CHART_HEIGHT - chart_y(c, (double)v));
}

static void columns(FILE *out, const struct text *t, int rows, const struct pair *p,
		    enum report_unit unit, const char *id, const char *label)
{
	char human[2][HTML_ROOM], width[64];
	double each = CHART_WIDTH / rows;
	/* Numbers below as there is room for them. */
	int every = rows <= 16 ? 1 : rows <= 64 ? 4 : rows <= 256 ? 16 : 64;
	struct chart c;

	snprintf(width, sizeof(width), "min-width:%dpx;max-width:%drem", rows * 5, rows * 5);
	c = chart_begin(out, id, label, unit, (double)largest(t, rows, p), width);
	for (int i = 0; i < rows; i++) {
		int64_t back = value(t, i, p->back), front = value(t, i, p->front);

		fprintf(out,
			"<g data-cpu=\"%" PRId64 "\"><title>CPU %" PRId64 ", node %" PRId64
			": %s %s (%" PRId64 "), %s %s (%" PRId64 ")</title>",
			value(t, i, "cpu"), value(t, i, "cpu"), value(t, i, "node"), p->back,
			html_unit(human[0], unit, (double)back), back, p->front,
			html_unit(human[1], unit, (double)front), front);
		column(&c, p->back_class, (i + 0.12) * each, each * 0.76, back);
		column(&c, p->front_class, (i + 0.12) * each, each * 0.76, front);
		fputs("</g>", out);
	}
	chart_labels(&c);
	for (int i = 0; i < rows; i += every)
		fprintf(out, "<span style=\"left:%.3f%%\">%" PRId64 "</span>",
			100 * (i + 0.5) / rows, value(t, i, "cpu"));
	chart_end(&c);
}

static void past_caches(FILE *out, const struct text *t)
{
	int row = text_row(t, -1);
	char human[2][HTML_ROOM];

	if (row < 0)
		return;
	fputs("<p class=\"note\">Past the caches (large objects, and what chose its node): <span",
	      out);
	html_exact(out, UNIT_COUNT, value(t, row, "mallocs"));
	fprintf(out, ">%s</span> mallocs, <span",
		html_count(human[0], (double)value(t, row, "mallocs")));
	html_exact(out, UNIT_COUNT, value(t, row, "frees"));
	fprintf(out, ">%s</span> frees.</p>\n",
		html_count(human[1], (double)value(t, row, "frees")));
}

static void key(FILE *out, const char *cls, const char *label)
{
	fprintf(out,
		"<span><svg class=\"key\" viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect "
		"class=\"%s\" width=\"1\" height=\"1\"/></svg> %s</span> ",
		cls, label);
}

void report_cpus(FILE *out, const struct report *r)
{
	static const struct pair cache = {"capacity", "cached", "c-room", "p-cpu_cached"};
	static const struct pair work = {"mallocs", "remote_frees", "c-work", "c-remote"};
	const struct report_file *f = &r->files[REPORT_CPU];
	const struct text *t = &f->text;
	int past = text_row(t, -1);
	int rows = past < 0 ? t->nr_rows : past;

	html_section(out, "cpu", "CPUs");
	if (rows) {
		fputs("<div class=\"two\"><div><h3>Caches</h3><p class=\"note\">", out);
		key(out, "p-cpu_cached", "cached");
		key(out, "c-room", "of what it may cache now");
		fputs("</p>\n", out);
		columns(out, t, rows, &cache, UNIT_BYTES, "cpu-caches",
			"bytes in the cache of each CPU, and its capacity");
		fputs("</div><div><h3>Operations</h3><p class=\"note\">", out);
		key(out, "c-work", "mallocs since the beginning");
		key(out, "c-remote", "remote frees");
		fputs("</p>\n", out);
		columns(out, t, rows, &work, UNIT_COUNT, "cpu-work",
			"mallocs and remote frees of each CPU");
		fputs("</div></div>\n", out);
	}
	past_caches(out, t);
	fputs("<details><summary>cpuinfo as a table</summary>\n", out);
	report_table(out, "cpus", t, REPORT_CPU, NULL);
	fputs("</details>\n</section>\n", out);
}
