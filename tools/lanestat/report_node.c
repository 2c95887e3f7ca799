// SPDX-License-Identifier: MIT
/* Nodes: a bar of what the memory of each is, all on one scale, and nodeinfo as a table. */
#include <inttypes.h>

#include "report.h"
#include "report_html.h"

static void node(FILE *out, const struct text *t, int row, int64_t most)
{
	int64_t id = text_cell(t, row, text_column(t, "node"));
	int64_t mapped = text_cell(t, row, text_column(t, "mapped"));
	int64_t part[REPORT_PARTS];
	char human[HTML_ROOM];

	report_parts_of(t, row, part);
	fprintf(out, "<div class=\"lane\" data-node=\"%" PRId64 "\"><span class=\"who\">", id);
	if (id < 0)
		fputs("no node", out);
	else
		fprintf(out, "node %" PRId64, id);
	fputs("</span><span class=\"what\">", out);
	report_bar(out, part, most, "memory of the node by what it is");
	fputs("</span><span class=\"n\"", out);
	html_exact(out, UNIT_BYTES, mapped);
	fprintf(out, ">%s</span></div>\n", html_bytes(human, (double)mapped));
}

void report_nodes(FILE *out, const struct report *r)
{
	const struct report_file *f = &r->files[REPORT_NODE];
	int column = text_column(&f->text, "mapped");
	int64_t most = 0;

	for (int i = 0; i < f->text.nr_rows; i++)
		if (text_cell(&f->text, i, column) > most)
			most = text_cell(&f->text, i, column);
	html_section(out, "node", "Nodes");
	fputs("<p class=\"note\">Mapped memory by the node where it lies, in the colours above."
	      "</p>\n<div class=\"lanes\">\n",
	      out);
	for (int i = 0; i < f->text.nr_rows; i++)
		node(out, &f->text, i, most);
	fputs("</div>\n<details><summary>nodeinfo as a table</summary>\n", out);
	report_table(out, "nodes", &f->text, REPORT_NODE, NULL);
	fputs("</details>\n</section>\n", out);
}
