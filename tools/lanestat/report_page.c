// SPDX-License-Identifier: MIT
/*
 * The page around the sections: head, who is looked at, the four numbers that
 * matter most, and at the end the files as they were read.
 */
#include <inttypes.h>

#include <lane/lane.h>

#include "report.h"
#include "report_html.h"

static void wall_clock(FILE *out, const struct timespec *when, const char *format)
{
	char buf[64] = "";

	strftime(buf, sizeof(buf), format, localtime(&when->tv_sec));
	fputs(buf, out);
}

/* The policy has the browser itself refuse whatever would leave the page. */
static void head(FILE *out, const struct report *r)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>Lane: ",
	      out);
	html_text(out, r->process.comm);
	fprintf(out, " (%d) on ", (int)r->pid);
	html_text(out, r->host);
	fprintf(out, "</title>\n<style>\n%s%s</style>\n</head>\n", report_css, flame_css);
}

static void fact(FILE *out, const char *id, const char *name, const char *value)
{
	fprintf(out, "<div><dt>%s</dt><dd id=\"%s\"><bdi>", name, id);
	html_text(out, value);
	fputs("</bdi></dd></div>\n", out);
}

static void age(char *buf, size_t room, double seconds)
{
	long s = (long)seconds;

	if (s < 60)
		snprintf(buf, room, "%ld s", s);
	else if (s < 3600)
		snprintf(buf, room, "%ld min %ld s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, room, "%ld h %ld min", s / 3600, s / 60 % 60);
	else
		snprintf(buf, room, "%ld d %ld h", s / 86400, s / 3600 % 24);
}

static const char *or_unknown(const char *value)
{
	return value ? value : "?";
}

static void who(FILE *out, const struct report *r)
{
	const struct text *t = &r->files[REPORT_HEAP].text;
	char buf[64];

	fputs("<header>\n<h1><bdi>", out);
	html_text(out, r->process.comm);
	fputs("</bdi></h1>\n<p id=\"command\"><code><bdi>", out);
	html_text(out, r->process.command);
	fputs("</bdi></code></p>\n<dl>\n", out);
	snprintf(buf, sizeof(buf), "%d", (int)r->pid);
	fact(out, "pid", "Process", buf);
	fact(out, "host", "Host", r->host);
	fputs("<div><dt>Time</dt><dd id=\"time\">", out);
	wall_clock(out, &r->when, "%Y-%m-%d %H:%M:%S %z");
	fputs("</dd></div>\n", out);
	age(buf, sizeof(buf), r->process.age);
	fact(out, "age", "Was running for", buf);
	fact(out, "library", "Lane", or_unknown(text_value(t, "library")));
	fact(out, "mode", "Mode", or_unknown(text_value(t, "mode")));
	fact(out, "generation", "Generation", or_unknown(text_value(t, "generation")));
	fputs("</dl>\n</header>\n", out);
}

static void tile(FILE *out, const char *id, const char *name, int64_t bytes, int64_t held,
		 const char *what)
{
	char human[HTML_ROOM], share[HTML_ROOM];

	fprintf(out, "<div class=\"tile\" id=\"tile-%s\"><b", id);
	html_exact(out, UNIT_BYTES, bytes);
	fprintf(out, ">%s</b><span>%s</span><small>%s%s%s</small></div>\n",
		html_bytes(human, (double)bytes), name,
		held ? html_share(share, (double)bytes, (double)held) : "",
		held ? " of what is held; " : "", what);
}

static void tiles(FILE *out, const struct text *t)
{
	int64_t held = text_number(t, "mapped") - text_number(t, "released");
	int64_t cached = text_number(t, "cpu_cached") + text_number(t, "transfer_cached") +
			 text_number(t, "in_transit");
	int64_t free = text_number(t, "central_free") + text_number(t, "span_tail") +
		       text_number(t, "page_heap_free");

	fputs("<div class=\"tiles\">\n", out);
	tile(out, "held", "held", held, 0, "mapped and not released");
	tile(out, "in_use", "in use", text_number(t, "in_use"), held, "the program's objects");
	tile(out, "cached", "cached", cached, held, "free objects, close to CPUs");
	tile(out, "free", "free", free, held, "in spans and pages");
	fputs("</div>\n", out);
}

/* An older or broken library says less than the truth; who reads must know. */
static void warnings(FILE *out, const struct report *r)
{
	const char *fence = text_value(&r->files[REPORT_HEAP].text, "fence");

	if (fence && fence[0] == 'r')
		fputs("<p class=\"warn\">Snapshots of this process are not exact: membarrier is "
		      "refused.</p>\n",
		      out);
	fputs("<p class=\"note\">All of one snapshot, but for the history: everything adds up, also "
	      "from one section to the other. Exact numbers show when pointed at.</p>\n",
	      out);
}

static void raw_files(FILE *out, const struct report *r)
{
	fputs("<section id=\"files\"><h2>The files as they were read</h2>\n", out);
	for (int i = 0; i < REPORT_FILES; i++) {
		fprintf(out, "<details><summary>%s</summary><pre id=\"file-%s\">\n",
			report_files[i], report_files[i]);
		html_text(out, r->files[i].raw);
		fputs("</pre></details>\n", out);
	}
	fputs("</section>\n", out);
}

void report_page(FILE *out, const struct report *r)
{
	head(out, r);
	fputs("<body>\n", out);
	who(out, r);
	fputs("<main>\n", out);
	tiles(out, &r->files[REPORT_HEAP].text);
	warnings(out, r);
	report_heap(out, r);
	report_flame(out, r);
	report_history(out, r);
	report_classes(out, r);
	report_nodes(out, r);
	report_cpus(out, r);
	raw_files(out, r);
	fprintf(out,
		"</main>\n<footer>lanestat %s; nothing on this page comes from elsewhere."
		"</footer>\n<script>\n%s%s</script>\n</body>\n</html>\n",
		LANE_VERSION, report_js, flame_js);
}
