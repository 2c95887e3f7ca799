// SPDX-License-Identifier: MIT
#include "report_chart.h"

#include "report_html.h"

/* A round distance of three to five lines up to @most: powers of 2, or 1, 2 and 5 times powers of
 * 10. */
static double distance(double most, enum report_unit unit)
{
	double step = 1;

	while (unit == UNIT_BYTES && step * 4 < most)
		step *= 2;
	while (unit != UNIT_BYTES && step * 40 < most)
		step *= 10;
	if (unit != UNIT_BYTES && step * 4 < most)
		step *= step * 8 >= most ? 2 : step * 20 >= most ? 5 : 10;
	return step;
}

struct chart chart_begin(FILE *out, const char *id, const char *label, enum report_unit unit,
			 double most, const char *width)
{
	double step = distance(most, unit);
	int lines = (int)(most / step);
	struct chart c = {.out = out, .unit = unit};
	char human[HTML_ROOM];

	lines += lines * step < most || !lines;
	c.top = lines * step;
	fprintf(out, "<div class=\"chart\" id=\"%s\"><div class=\"scale\">", id);
	for (int i = 0; i <= lines; i++)
		fprintf(out, "<span data-at=\"%d\" style=\"bottom:%.2f%%\">%s</span>", i,
			100.0 * i / lines, html_unit(human, unit, i * step));
	fprintf(out, "</div><div class=\"plot\"><div");
	if (width)
		fprintf(out, " style=\"%s\"", width);
	fprintf(out,
		"><svg viewBox=\"0 0 %.0f %.0f\" preserveAspectRatio=\"none\" role=\"img\" "
		"aria-label=\"%s\">",
		CHART_WIDTH, CHART_HEIGHT, label);
	for (int i = 0; i <= lines; i++)
		fprintf(out, "<line class=\"grid\" x2=\"%.0f\" y1=\"%.2f\" y2=\"%.2f\"/>",
			CHART_WIDTH, chart_y(&c, i * step), chart_y(&c, i * step));
	return c;
}

double chart_y(const struct chart *c, double value)
{
	return CHART_HEIGHT * (1 - value / c->top);
}

void chart_labels(const struct chart *c)
{
	fputs("</svg><div class=\"below\">", c->out);
}

void chart_end(const struct chart *c)
{
	fputs("</div></div></div></div>\n", c->out);
}
