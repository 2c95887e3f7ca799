// SPDX-License-Identifier: MIT
/* Classes: classinfo as a table, with a bar of what the spans of each are filled with. */
#include <string.h>

#include "report.h"
#include "report_html.h"

/* The parts of a class' spans, in the order and colours of the heap's. */
static void class_parts(const struct text *t, int row, int64_t part[REPORT_PARTS])
{
	int64_t size = text_cell(t, row, text_column(t, "size"));
	int64_t tail = text_cell(t, row, text_column(t, "span_bytes"));
	int at_tail = 0;

	report_parts_of(t, row, part);
	for (int i = 0; i < REPORT_PARTS; i++) {
		/* Objects, but for these; 0 for large ones, which are in no cache. */
		if (strcmp(report_parts[i].key, "in_use") != 0 &&
		    strcmp(report_parts[i].key, "quarantine") != 0)
			part[i] *= size;
		if (!strcmp(report_parts[i].key, "span_tail"))
			at_tail = i;
		tail -= part[i];
	}
	part[at_tail] = tail > 0 ? tail : 0;
}

static void bar(FILE *out, const struct text *t, int row, const void *arg)
{
	const int64_t *most = arg;
	int64_t part[REPORT_PARTS];

	class_parts(t, row, part);
	report_bar(out, part, *most, "bytes of the class' spans");
}

void report_classes(FILE *out, const struct report *r)
{
	const struct report_file *f = &r->files[REPORT_CLASS];
	int column = text_column(&f->text, "span_bytes");
	int64_t most = 0;
	struct report_extra extra = {"Spans hold", bar, &most};

	for (int i = 0; i < f->text.nr_rows; i++)
		if (text_cell(&f->text, i, column) > most)
			most = text_cell(&f->text, i, column);
	html_section(out, "class", "Size classes");
	fputs("<p class=\"note\">Bars have the colours above; the longest is the class whose spans "
	      "take most. A click on a column's name sorts by it, a second one the other way."
	      "</p>\n",
	      out);
	report_table(out, "classes", &f->text, REPORT_CLASS, &extra);
	fputs("</section>\n", out);
}
