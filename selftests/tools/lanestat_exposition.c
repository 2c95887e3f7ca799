// SPDX-License-Identifier: MIT
/*
 * Texts of several processes become one, in both formats; what is malformed is
 * refused whole. Requests of HTTP, good and bad, at any place cut in two.
 */
#include <errno.h>

#include <ksft.h>

#include "exposition.h"
#include "http.h"

static const char a[] =
	"# TYPE lane_x counter\n# HELP lane_x A \\\"word\\\".\nlane_x_total{k=\"1\"} 5 12.5\n"
	"lane_x_created 1\n# TYPE lane_y gauge\n# UNIT lane_y_bytes bytes\nbare 7 # {} 3\n# EOF\n";
static const char b[] =
	"# TYPE lane_y gauge\nlane_y NaN\n# TYPE lane_x counter\nlane_x_total 1e3\n# EOF\n";

static char *written(const struct exposition *e, enum exposition_format format)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	exposition_write(e, format, f);
	fclose(f);
	return text;
}

static bool writes(const struct exposition *e, enum exposition_format format, const char *want)
{
	char *text = written(e, format);
	bool good = !strcmp(text, want);

	if (!good)
		ksft_print_msg("%s--- not\n%s", text, want);
	free(text);
	return good;
}

static void joined(void)
{
	struct exposition e = {0};
	bool good = !exposition_add(&e, a, sizeof(a) - 1, "pid=\"1\"") &&
		    !exposition_add(&e, b, sizeof(b) - 1, "pid=\"2\"");

	ksft_test_result(
		good && writes(&e, FORMAT_OPENMETRICS,
			       "# TYPE lane_x counter\n# HELP lane_x A \\\"word\\\".\nlane_x_total{pid=\"1\",k=\"1\"} 5\n"
			       "lane_x_created{pid=\"1\"} 1\nlane_x_total{pid=\"2\"} 1e3\n"
			       "# TYPE lane_y gauge\nlane_y{pid=\"2\"} NaN\n"
			       "# TYPE bare unknown\nbare{pid=\"1\"} 7\n# EOF\n"),
		"families of two processes are put together");
	ksft_test_result(
		writes(&e, FORMAT_TEXT,
		       "# HELP lane_x_total A \"word\".\n# TYPE lane_x_total counter\nlane_x_total{pid=\"1\",k=\"1\"} 5\n"
		       "lane_x_total{pid=\"2\"} 1e3\n# TYPE lane_y gauge\nlane_y{pid=\"2\"} NaN\n"
		       "# TYPE bare untyped\nbare{pid=\"1\"} 7\n"),
		"and written as text 0.0.4");
	good = !exposition_add(&e, "# TYPE lane_x gauge\nlane_x 9\n# TYPE z gauge\nz 1\n# EOF\n",
			       54, "pid=\"3\"");
	char *text = written(&e, FORMAT_OPENMETRICS);
	ksft_test_result(good && !strstr(text, "lane_x{") && strstr(text, "z{pid=\"3\"} 1\n"),
			 "samples of another type than before are left out");
	free(text);
	good = !exposition_add(&e, "lane_x_total 8\nu 1\n# EOF\n", 25, "pid=\"4\"");
	text = written(&e, FORMAT_OPENMETRICS);
	ksft_test_result(good && !strstr(text, "pid=\"4\"} 8") && strstr(text, "u{pid=\"4\"} 1\n"),
			 "so are those that another family calls so");
	free(text);
	exposition_free(&e);
}

static void refused(void)
{
	static const char *const bad[] = {
		"",
		"x 1\n",
		"x 1\n# EOF",
		"x 1\n# EOF\nx 2\n",
		"x\n# EOF\n",
		"x one\n# EOF\n",
		"x  1\n# EOF\n",
		"1x 1\n# EOF\n",
		"x{a=1} 1\n# EOF\n",
		"x{a=\"1} 1\n# EOF\n",
		"x{a=\"1\" 1\n# EOF\n",
		"x{a=\"\\x\"} 1\n# EOF\n",
		"x{a=\"\xff\"} 1\n# EOF\n",
		"x{a=\"1\",} 1\n# EOF\n",
		"x{,} 1\n# EOF\n",
		"x{pid=\"1\"} 1\n# EOF\n",
		"x{b=\"1\",comm=\"1\"} 1\n# EOF\n",
		"x{b=\"1\",b=\"2\"} 1\n# EOF\n",
		"x{a=\"1,\",bb=\"\\\"\",c=\"1\",bb=\"2\"} 1\n# EOF\n",
		"x 1 2 3\n# EOF\n",
		"\n# EOF\n",
		"# a comment\n# EOF\n",
		"# TYPE x nothing\n# EOF\n",
		"# TYPE x\n# EOF\n",
		"# TYPE x gauge\n# TYPE x gauge\n# EOF\n",
		"# TYPE x counter\nx 1\n# EOF\n",
		"# HELP x \\q\n# EOF\n",
		"x 1\ny 1\nx 2\n# EOF\n",
		"x 0x10\n# EOF\n",
		"# UNIT x_bytes seconds\n# EOF\n",
		"# UNIT bytes bytes\n# EOF\n",
		"x 1\r\n# EOF\n",
		"x{} 1 \n# EOF\n",
		"# TYPE x counter\nx_total 1\ny 1\nx_total 2\n# EOF\n",
		"# TYPE x counter\n# TYPE x_total gauge\nx_total 1\n# EOF\n",
		"# TYPE x_sum gauge\nx_sum 1\n# TYPE x summary\nx_count 1\n# EOF\n",
	};
	struct exposition e = {0};
	char *before, *after;
	bool good = true;

	exposition_add(&e, a, sizeof(a) - 1, "pid=\"1\"");
	before = written(&e, FORMAT_OPENMETRICS);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (exposition_add(&e, bad[i], strlen(bad[i]), "pid=\"2\"") == -EINVAL)
			continue;
		ksft_print_msg("taken: %s", bad[i]);
		good = false;
	}
	for (size_t n = 0; n < sizeof(a) - 1; n++)
		good = good && exposition_add(&e, a, n, "pid=\"2\"") == -EINVAL;
	after = written(&e, FORMAT_OPENMETRICS);
	ksft_test_result(good && !strcmp(before, after),
			 "malformed and cut texts are refused and change nothing");
	free(before);
	free(after);
	exposition_free(&e);
}

/* As many families as the text has lines: one process would hold up the scrape of all. */
static void many(void)
{
	struct exposition e = {0};
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (int i = 0; i < 1 << 20; i++)
		fprintf(f, "x%d 1\n", i);
	fputs("# EOF\n", f);
	fclose(f);
	ksft_test_result(exposition_add(&e, text, len, "pid=\"1\"") == -EINVAL && !e.nr,
			 "a text of a million families is refused");
	free(text);
	exposition_free(&e);
}

/* Any bytes changed: refused, or what comes out is taken again. */
static void mangled(void)
{
	uint64_t rng = ksft_seed() | 1;
	int taken = 0, wrong = 0;

	for (int i = 0; i < 20000; i++) {
		struct exposition e = {0}, again = {0};
		char text[sizeof(a)], *out;

		memcpy(text, a, sizeof(a));
		for (int k = 0; k < 1 + (int)(ksft_random(&rng) % 2); k++)
			text[ksft_random(&rng) % (sizeof(a) - 1)] =
				(char)(i % 2 ? ksft_random(&rng) : 32 + ksft_random(&rng) % 95);
		if (!exposition_add(&e, text, sizeof(a) - 1, "pid=\"1\"")) {
			out = written(&e, FORMAT_OPENMETRICS);
			for (char *p = out; (p = strstr(p, "{pid=\"1\"")); p += 8)
				memcpy(p + 1, "pix", 3);
			taken++;
			if (exposition_add(&again, out, strlen(out), "pid=\"2\"")) {
				ksft_print_msg("from %s--- %s", text, out);
				wrong++;
			}
			free(out);
		}
		exposition_free(&e);
		exposition_free(&again);
	}
	ksft_print_msg("%d of 20000 taken", taken);
	ksft_test_result(taken > 100 && !wrong, "what is taken comes out well formed");
}

static void requests(void)
{
	static const struct {
		const char *head;
		enum http_state state;
		bool openmetrics;
	} cases[] = {
		{"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_OK, false},
		{"\r\nGET /metrics?x=/ HTTP/1.1\r\nhOST:\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n",
		 HTTP_OK, true},
		{"GET /metrics HTTP/1.0\n\n", HTTP_OK, false},
		{"GET /metrics HTTP/1.0\r\naccept: text/plain;q=0.5,application/openmetrics-text;q=0.6\r\n\r\n",
		 HTTP_OK, true},
		{"GET /metrics HTTP/1.0\r\naccept: text/plain;q=0.7 , application/openmetrics-text;a=b; q=0.6\r\n\r\n",
		 HTTP_OK, false},
		{"GET /metrics HTTP/1.0\r\naccept: application/openmetrics-text;q=\r\n\r\n",
		 HTTP_OK, false},
		{"GET / HTTP/1.0\r\n\r\n", HTTP_NOT_FOUND, false},
		{"HEAD /metrics HTTP/1.0\r\n\r\n", HTTP_NOT_ALLOWED, false},
		{"GET http://host HTTP/1.0\r\n\r\n", HTTP_NOT_FOUND, false},
		{"GET  /metrics HTTP/1.0\r\n\r\n", HTTP_BAD, false},
		{"GET /metrics HTTP/3.0\r\n\r\n", HTTP_VERSION, false},
		{"GET /metrics HTTP/1.1\r\n\r\n", HTTP_BAD, false},
		{"GET /metrics HTTP/1.0\r\nno colon\r\n\r\n", HTTP_BAD, false},
		{"GET /metrics HTTP/1.0\r\na b: c\r\n\r\n", HTTP_BAD, false},
	};
	static char longest[HTTP_HEAD_MAX + 1];
	struct http_request req;
	bool good = true, cut = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].head);
		enum http_state state = http_parse(cases[i].head, len, &req);

		if (state != cases[i].state ||
		    (state == HTTP_OK && req.openmetrics != cases[i].openmetrics)) {
			ksft_print_msg("%d %d: %s", state, req.openmetrics, cases[i].head);
			good = false;
		}
		for (size_t n = 0; n < len && cases[i].state == HTTP_OK; n++)
			cut = cut && http_parse(cases[i].head, n, &req) == HTTP_MORE;
	}
	ksft_test_result(good, "requests and what they prefer");
	memset(longest, 'x', sizeof(longest));
	ksft_test_result(cut && http_parse(longest, HTTP_HEAD_MAX - 1, &req) == HTTP_MORE &&
				 http_parse(longest, HTTP_HEAD_MAX, &req) == HTTP_TOO_LONG,
			 "half a request is waited for, up to its bound");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(9);
	joined();
	refused();
	many();
	mangled();
	requests();
	ksft_finished();
}
