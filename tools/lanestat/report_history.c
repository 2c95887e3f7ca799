// SPDX-License-Identifier: MIT
/* History: areas of what the memory was over time, curves of the rates, and the numbers. */
#include <inttypes.h>
#include <math.h>

#include "rate.h"
#include "report.h"
#include "report_chart.h"
#include "report_html.h"

static double end_of(const struct report *r)
{
	return r->samples[r->nr_samples - 1].at;
}

static double x_of(const struct report *r, int i)
{
	return CHART_WIDTH * r->samples[i].at / end_of(r);
}

/* Bytes of the parts up to @last. */
static double height(const struct report_sample *s, int last)
{
	int64_t sum = 0;

	for (int i = 0; i <= last; i++)
		sum += s->part[i];
	return (double)sum;
}

static void time_labels(const struct chart *c, const struct report *r)
{
	chart_labels(c);
	for (int i = 0; i <= 4; i++)
		fprintf(c->out, "<span style=\"left:%d%%\">%.*f s</span>", i * 25,
			end_of(r) < 40 ? 1 : 0, end_of(r) * i / 4);
	chart_end(c);
}

/* Between the upper edges of part @p and of the one below it. */
static void area(const struct chart *c, const struct report *r, int p)
{
	bool any = false;

	for (int i = 0; i < r->nr_samples; i++)
		any |= r->samples[i].part[p] != 0;
	if (!any)
		return;
	fprintf(c->out, "<polygon class=\"p-%s\" points=\"", report_parts[p].key);
	for (int i = 0; i < r->nr_samples; i++)
		fprintf(c->out, "%.2f,%.2f ", x_of(r, i), chart_y(c, height(&r->samples[i], p)));
	for (int i = r->nr_samples; i--;)
		fprintf(c->out, "%.2f,%.2f ", x_of(r, i),
			chart_y(c, height(&r->samples[i], p - 1)));
	fprintf(c->out, "\"><title>%s</title></polygon>", report_parts[p].label);
}

static double rate_of(const struct report *r, int i, bool frees)
{
	const struct report_sample *a = &r->samples[i - 1], *b = &r->samples[i];

	return frees ? rate(a->frees, b->frees, b->at - a->at)
		     : rate(a->mallocs, b->mallocs, b->at - a->at);
}

/* Each rate holds from one reading to the next: a step, not a slope. */
static void curve(const struct chart *c, const struct report *r, bool frees)
{
	fprintf(c->out, "<polyline class=\"%s\" points=\"", frees ? "c-frees" : "c-mallocs");
	for (int i = 1; i < r->nr_samples; i++) {
		double y = rate_of(r, i, frees);

		if (!isnan(y))
			fprintf(c->out, "%.2f,%.2f %.2f,%.2f ", x_of(r, i - 1), chart_y(c, y),
				x_of(r, i), chart_y(c, y));
	}
	fputs("\"/>", c->out);
}

static void rates(FILE *out, const struct report *r)
{
	double most = 1;
	struct chart c;

	for (int i = 1; i < r->nr_samples; i++)
		most = fmax(most, fmax(rate_of(r, i, false), rate_of(r, i, true)));
	fputs("<h3>Operations a second</h3>\n<p class=\"note\"><span class=\"t-mallocs\">mallocs"
	      "</span> and <span class=\"t-frees\">frees</span>, between one reading and the next."
	      "</p>\n",
	      out);
	c = chart_begin(out, "history-rates", "mallocs and frees a second over time", UNIT_COUNT,
			most, NULL);
	curve(&c, r, false);
	curve(&c, r, true);
	time_labels(&c, r);
}

static void numbers(FILE *out, const struct report *r)
{
	char human[HTML_ROOM];

	fputs("<details><summary>Each reading</summary>\n<div class=\"scroll\"><table "
	      "id=\"readings\" class=\"numbers\">\n<thead><tr><th scope=\"col\">Seconds</th><th "
	      "scope=\"col\">Generation</th><th scope=\"col\">Mallocs</th><th scope=\"col\">Frees"
	      "</th>",
	      out);
	for (int p = 0; p < REPORT_PARTS; p++)
		fprintf(out, "<th scope=\"col\">%s</th>", report_parts[p].label);
	fputs("</tr></thead>\n<tbody>\n", out);
	for (int i = 0; i < r->nr_samples; i++) {
		const struct report_sample *s = &r->samples[i];
		int64_t counts[2] = {s->mallocs, s->frees};

		fprintf(out, "<tr><td>%.2f</td><td>%" PRId64 "</td>", s->at, s->generation);
		for (int n = 0; n < 2; n++) {
			fputs("<td", out);
			html_exact(out, UNIT_COUNT, counts[n]);
			fprintf(out, ">%s</td>", html_count(human, (double)counts[n]));
		}
		for (int p = 0; p < REPORT_PARTS; p++) {
			fputs("<td", out);
			html_exact(out, UNIT_BYTES, s->part[p]);
			fprintf(out, ">%s</td>", html_bytes(human, (double)s->part[p]));
		}
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div></details>\n", out);
}

static void charts(FILE *out, const struct report *r)
{
	double most = 0;
	struct chart c;

	for (int i = 0; i < r->nr_samples; i++)
		most = fmax(most, height(&r->samples[i], REPORT_PARTS - 1));
	fputs("<h3>Mapped memory</h3>\n<p class=\"note\">In the colours above, used memory at the "
	      "bottom.</p>\n",
	      out);
	c = chart_begin(out, "history-memory", "mapped memory by what it is, over time", UNIT_BYTES,
			most, NULL);
	for (int p = 0; p < REPORT_PARTS; p++)
		area(&c, r, p);
	time_labels(&c, r);
	rates(out, r);
	numbers(out, r);
}

void report_history(FILE *out, const struct report *r)
{
	fputs("<section id=\"history\"><h2>History</h2>\n", out);
	if (r->watch <= 0) {
		fprintf(out,
			"<p class=\"note\">None was taken: this is one look. <code>lanestat report "
			"--watch 60 %d</code> reads for a minute and draws curves here.</p>\n"
			"</section>\n",
			(int)r->pid);
		return;
	}
	fprintf(out, "<p class=\"note\">%d readings of heapinfo, each a snapshot of its own",
		r->nr_samples);
	if (r->nr_samples)
		fprintf(out, ", generations %" PRId64 " to %" PRId64, r->samples[0].generation,
			r->samples[r->nr_samples - 1].generation);
	fputs(".", out);
	if (r->nr_missed)
		fprintf(out, " %d were not answered.", r->nr_missed);
	if (r->ended)
		fprintf(out, " <strong>The watch ended early: %s.</strong>", r->ended);
	fputs("</p>\n", out);
	if (r->nr_samples > 1)
		charts(out, r);
	fputs("</section>\n", out);
}
