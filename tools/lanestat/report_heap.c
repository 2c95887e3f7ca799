// SPDX-License-Identifier: MIT
/* What the mapped memory consists of: a bar, its legend with numbers, and heapinfo as a table. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_html.h"

void report_bar(FILE *out, const int64_t part[REPORT_PARTS], int64_t whole, const char *label)
{
	char human[HTML_ROOM], share[HTML_ROOM];
	double x = 0;

	fputs("<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" "
	      "aria-label=\"",
	      out);
	html_text(out, label);
	fputs("\">", out);
	for (int i = 0; i < REPORT_PARTS && whole > 0; i++) {
		double width = 1000.0 * (double)part[i] / (double)whole;

		if (!part[i])
			continue;
		fprintf(out,
			"<rect class=\"p-%s\" x=\"%.3f\" width=\"%.3f\" height=\"10\"><title>%s: "
			"%s (%" PRId64 " bytes), %s</title></rect>",
			report_parts[i].key, x, width, report_parts[i].label,
			html_bytes(human, (double)part[i]), part[i],
			html_share(share, (double)part[i], (double)whole));
		x += width;
	}
	fputs("</svg>", out);
}

static void legend(FILE *out, const int64_t part[REPORT_PARTS], int64_t mapped)
{
	char human[HTML_ROOM], share[HTML_ROOM];

	fputs("<table id=\"parts\" class=\"legend\">\n", out);
	for (int i = 0; i < REPORT_PARTS; i++) {
		fprintf(out,
			"<tr data-key=\"%s\"><td><svg class=\"key\" viewBox=\"0 0 1 1\" "
			"aria-hidden=\"true\"><rect class=\"p-%s\" width=\"1\" "
			"height=\"1\"/></svg></td><th scope=\"row\">%s</th><td class=\"n\"",
			report_parts[i].key, report_parts[i].key, report_parts[i].label);
		html_exact(out, UNIT_BYTES, part[i]);
		fprintf(out, ">%s</td><td class=\"n\">%s</td><td class=\"why\">%s</td></tr>\n",
			html_bytes(human, (double)part[i]),
			html_share(share, (double)part[i], (double)mapped),
			report_parts[i].meaning);
	}
	fputs("<tr class=\"sum\" data-key=\"mapped\"><td></td><th scope=\"row\">Mapped</th><td "
	      "class=\"n\"",
	      out);
	html_exact(out, UNIT_BYTES, mapped);
	fprintf(out, ">%s</td><td></td><td class=\"why\">the sum</td></tr>\n</table>\n",
		html_bytes(human, (double)mapped));
}

/* A key at a time: its value as it is, and in human form where that is another. */
static void heapinfo(FILE *out, const struct text *t)
{
	char human[HTML_ROOM];

	fputs("<details><summary>heapinfo, key by key</summary>\n<div class=\"scroll\"><table "
	      "id=\"heapinfo\" class=\"keys\">\n<thead><tr><th scope=\"col\">Key</th><th "
	      "scope=\"col\">Value</th><th scope=\"col\">Exact</th><th scope=\"col\" "
	      "class=\"why\">What it is</th></tr></thead>\n<tbody>\n",
	      out);
	for (int i = 0; i < t->nr_keys; i++) {
		struct report_word w = report_word(t->keys[i].key, false);
		const char *value = t->keys[i].value;
		bool number = w.unit != UNIT_TEXT;

		fputs("<tr data-key=\"", out);
		html_text(out, t->keys[i].key);
		fputs("\"><th scope=\"row\">", out);
		html_text(out, t->keys[i].key);
		if (number) {
			int64_t n = strtoll(value, NULL, 10);

			fputs("</th><td class=\"n\"", out);
			html_exact(out, w.unit, n);
			fprintf(out, ">%s</td><td class=\"n\">%" PRId64 "</td>",
				html_unit(human, w.unit, (double)n), n);
		} else {
			fputs("</th><td colspan=\"2\">", out);
			html_text(out, value);
			fputs("</td>", out);
		}
		fprintf(out, "<td class=\"why\">%s</td></tr>\n", w.meaning);
	}
	fputs("</tbody></table></div></details>\n", out);
}

void report_heap(FILE *out, const struct report *r)
{
	const struct report_file *f = &r->files[REPORT_HEAP];
	int64_t part[REPORT_PARTS];
	int64_t mapped = text_number(&f->text, "mapped");

	report_parts_of(&f->text, -1, part);
	html_section(out, "heap", "What the memory is");
	fputs("<div class=\"big\" id=\"composition\">", out);
	report_bar(out, part, mapped, "mapped memory by what it is");
	fputs("</div>\n", out);
	legend(out, part, mapped);
	heapinfo(out, &f->text);
	fputs("</section>\n", out);
}
