// SPDX-License-Identifier: MIT
/*
 * Tables of the files: all their columns, those too that this lanestat does not
 * know. data-v has the exact number, which report.js sorts by.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_html.h"

static void header(FILE *out, const char *key, const struct report_word *w)
{
	fprintf(out, "<th scope=\"col\" data-key=\"");
	html_text(out, key);
	fprintf(out, "\"><button type=\"button\" title=\"");
	html_text(out, *w->meaning ? w->meaning : key);
	fputs("\">", out);
	html_text(out, w->label);
	fputs("</button></th>", out);
}

/* The last row of classinfo has size 0 and is for what is larger than all others. */
static bool is_large(const struct report_word *w, enum report_files file, int64_t value)
{
	return file == REPORT_CLASS && !strcmp(w->key, "size") && !value;
}

static void cell(FILE *out, const struct report_word *w, enum report_files file, const char *text)
{
	int64_t value = strtoll(text, NULL, 10);
	char buf[HTML_ROOM];

	if (is_large(w, file, value)) {
		fputs("<td data-v=\"0\" data-sort=\"Infinity\">large</td>", out);
		return;
	}
	fputs(value || w->unit == UNIT_TEXT ? "<td" : "<td class=\"zero\"", out);
	if (w->unit == UNIT_TEXT) {
		fputc('>', out);
		html_text(out, text);
		fputs("</td>", out);
	} else {
		html_exact(out, w->unit, value);
		fprintf(out, ">%s</td>", html_unit(buf, w->unit, (double)value));
	}
}

/* A class or CPU that never did anything: report.css hides it. */
static bool is_idle(const struct text *t, int row, enum report_files file)
{
	return file != REPORT_NODE && !text_cell(t, row, text_column(t, "mallocs")) &&
	       !text_cell(t, row, text_column(t, "frees")) &&
	       !text_cell(t, row, text_column(t, "span_bytes"));
}

static void idle_switch(FILE *out, const char *id, const struct text *t, enum report_files file)
{
	int idle = 0;

	for (int i = 0; i < t->nr_rows; i++)
		idle += is_idle(t, i, file);
	if (idle)
		fprintf(out,
			"<input type=\"checkbox\" class=\"idle\" id=\"%s-idle\">"
			"<label for=\"%s-idle\">also the %d that were never used</label>\n",
			id, id, idle);
}

void report_table(FILE *out, const char *id, const struct text *t, enum report_files file,
		  const struct report_extra *extra)
{
	idle_switch(out, id, t, file);
	fprintf(out, "<div class=\"scroll\"><table id=\"%s\" class=\"numbers\">\n<thead><tr>", id);
	for (int c = 0; c < t->nr_columns; c++) {
		struct report_word w = report_word(t->columns[c], file == REPORT_CLASS);

		header(out, t->columns[c], &w);
		if (extra && !c)
			fprintf(out, "<th scope=\"col\" class=\"bar\">%s</th>", extra->title);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
	for (int row = 0; row < t->nr_rows; row++) {
		fputs(is_idle(t, row, file) ? "<tr class=\"idle\">" : "<tr>", out);
		for (int c = 0; c < t->nr_columns; c++) {
			struct report_word w = report_word(t->columns[c], file == REPORT_CLASS);

			cell(out, &w, file, t->cells[(size_t)row * t->nr_columns + c]);
			if (extra && !c) {
				fputs("<td class=\"bar\">", out);
				extra->cell(out, t, row, extra->arg);
				fputs("</td>", out);
			}
		}
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}
