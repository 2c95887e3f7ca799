// SPDX-License-Identifier: MIT
/*
 * What lanestat computes between a text and a screen: texts taken apart, rates
 * from two snapshots, sums, numbers in six characters, bars, sorted tables, JSON.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <ksft.h>

#include "bar.h"
#include "grid.h"
#include "human.h"
#include "json.h"
#include "lanestat.h"
#include "rate.h"
#include "sections.h"
#include "text.h"
#include "totals.h"

static const char table[] = "version 1\ngeneration 7\nmode_reason a b c\nempty\n"
			    "node bound mallocs in_use cpu_cached released new\n"
			    "0 1 100 5000 20 8 1\n1 1 50 4000000000000 30 8 1\n-1 0 0 0 0 0 1\n";

static void texts(void)
{
	struct text t;
	bool good = !text_parse(&t, table, strlen(table));

	good = good && t.nr_keys == 4 && t.nr_columns == 7 && t.nr_rows == 3;
	ksft_test_result(good && !strcmp(text_value(&t, "mode_reason"), "a b c") &&
				 !strcmp(text_value(&t, "empty"), "") && !text_value(&t, "mode"),
			 "keys have the rest of their line as value");
	ksft_test_result(good && text_cell(&t, 1, text_column(&t, "in_use")) == 4000000000000 &&
				 text_cell(&t, 2, 0) == -1 && text_cell(&t, 3, 0) == 0 &&
				 text_cell(&t, 0, text_column(&t, "none")) == 0 &&
				 text_row(&t, -1) == 2 && text_row(&t, 5) == -1,
			 "cells are found by name, and what is missing is 0");
	ksft_test_result(good && text_sum(&t, "mallocs") == 150 && text_sum(&t, "x") == 0,
			 "a column is summed");
	text_free(&t);
	ksft_test_result(text_parse(&t, "a b\n1 2\n1 2 3\n", 14) == -EINVAL &&
				 text_parse(&t, "a\0b\n", 4) == -EINVAL,
			 "rows of another width and 0 bytes are refused");
	good = !text_parse(&t, "", 0) && !t.nr_keys && !t.nr_columns;
	text_free(&t);
	good = good && !text_parse(&t, "\n\nkey 5\n\nlast", 13) && t.nr_keys == 2;
	ksft_test_result(good && text_number(&t, "key") == 5, "empty lines and no last newline");
	text_free(&t);
}

static int sections_json_is(const char *all, int status, const char *want)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool good = json_sections(f, all, strlen(all)) == status;

	fclose(f);
	good = good && !strcmp(text, want);
	if (!good)
		ksft_print_msg("%s", text);
	free(text);
	return good;
}

static void sections(void)
{
	static const char all[] = "== a ==\nkey 1\n== b b ==\nx y\n1 2\n== c ==\n";
	struct section s;
	struct text t;
	bool good = !section_parse(&t, all, strlen(all), "b b") && t.nr_rows == 1;

	text_free(&t);
	good = good && !section_parse(&t, all, strlen(all), "c") && !t.nr_keys && !t.nr_rows;
	text_free(&t);
	ksft_test_result(good && section_find(&s, all, strlen(all), "a") && s.len == 6 &&
				 section_parse(&t, all, strlen(all), "d") == -EINVAL,
			 "sections are found by name");
	/* The last: a heading that the end of the text cuts. */
	ksft_test_result(!section_find(&s, "key 1\n== a ==\n", 14, "a") &&
				 !section_find(&s, "", 0, "") &&
				 !section_find(&s, "==  ==\n", 7, "") &&
				 !section_find(&s, "== a ==", 7, "a"),
			 "what does not begin with a heading has no sections");
	ksft_test_result(
		sections_json_is(all, 0,
				 "{\n\"a\": {\n  \"key\": 1\n},\n\"b b\": {\n  \"rows\": [\n    "
				 "{\"x\": 1, \"y\": 2}\n  ]\n},\n\"c\": {\n}\n}\n") &
			sections_json_is("key 1\n", -EINVAL, "") &
			sections_json_is("", -EINVAL, "") &
			sections_json_is("== a ==\nx y\n1 2\n1 2 3\n", -EINVAL, ""),
		"they are JSON as a whole, or nothing is");
}

static void rates(void)
{
	ksft_test_result(rate(100, 350, 0.5) == 500 && rate(5, 5, 1) == 0,
			 "a rate is what came, a second");
	ksft_test_result(isnan(rate(100, 99, 1)) && isnan(rate(1, 2, 0)) && isnan(rate(1, 2, -1)) &&
				 isnan(rate(1, 2, NAN)),
			 "no rate from a counter that fell or without time");
	ksft_test_result(rate_add(NAN, 2) == 2 && rate_add(1, NAN) == 1 && rate_add(1, 2) == 3 &&
				 isnan(rate_add(NAN, NAN)),
			 "what is unknown does not spoil a sum");
}

static void sums(void)
{
	struct composition sum = {0}, nodes[TOTALS_NODES];
	struct operations a = {.mallocs = 10, .remote_frees = 4},
			  b = {.mallocs = 30, .remote_frees = 5};
	struct operation_rates r = totals_rates(&a, &b, 2);
	struct text t;
	int nr = 0;

	text_parse(&t, table, strlen(table));
	totals_add(&sum, nodes, &nr, &t);
	totals_add(&sum, nodes, &nr, &t);
	text_free(&t);
	ksft_test_result(nr == 2 && nodes[1].node == 1 && nodes[1].in_use == 8000000000000 &&
				 nodes[0].cached == 40 && sum.released == 32,
			 "processes are added up node by node");
	ksft_test_result(r.mallocs == 10 && r.remote_frees == 0.5 && r.frees == 0,
			 "rates are over the time between two snapshots");
}

static int bytes_are(double value, const char *text)
{
	char buf[HUMAN_ROOM];
	bool good = !strcmp(human_bytes(buf, value), text);

	if (!good)
		ksft_print_msg("%f: %s, not %s", value, buf, text);
	return good;
}

static void numbers(void)
{
	char buf[HUMAN_ROOM], name[] = "a\033[2J\x80z";
	bool narrow = true;
	double seconds;
	pid_t pid;
	long n;

	ksft_test_result(bytes_are(0, "0") & bytes_are(1023, "1023") & bytes_are(1024, "1.0K") &
				 bytes_are(1536, "1.5K") & bytes_are(99.94 * 1024, "99.9K") &
				 bytes_are(1023.6 * 1024, "1.0M") & bytes_are(NAN, "-") &
				 bytes_are(40e9, "37.3G") & bytes_are(0x1p64, "16.0E"),
			 "bytes in 1024s");
	for (double v = 1; v < 1.8e19; v *= 1.0037)
		narrow = narrow && strlen(human_bytes(buf, v)) <= 6 &&
			 strlen(human_count(buf, v)) <= 6;
	ksft_test_result(narrow && !strcmp(human_count(buf, 999999), "1.0M"),
			 "never more than six characters");
	human_printable(name);
	ksft_test_result(!strcmp(name, "a?[2J?z"), "control characters are taken out");
	ksft_test_result(parse_pid("1", &pid) && !parse_pid("0", &pid) && !parse_pid("-1", &pid) &&
				 !parse_pid("1x", &pid) && !parse_pid("", &pid) &&
				 !parse_pid("99999999999999999999", &pid) &&
				 parse_seconds(".5", &seconds) && seconds == 0.5 &&
				 !parse_seconds("0", &seconds) && !parse_seconds("nan", &seconds) &&
				 !parse_seconds("1e9", &seconds) && parse_count("3", &n) &&
				 !parse_count("3.5", &n),
			 "numbers of the command line are whole words in range");
}

static void bars(void)
{
	uint64_t rng = ksft_seed() | 1;
	double equal[4] = {1, 1, 1, 1}, thirds[] = {1, 1, 1}, most[] = {99, 0.4, 0.6, 0};
	bool good = true;
	int cells[4];

	bar_split(equal, 4, 4, 8, cells);
	ksft_test_result(cells[0] == 2 && cells[1] == 2 && cells[2] == 2 && cells[3] == 2,
			 "equal parts, equal cells");
	bar_split(thirds, 3, 6, 10, cells);
	ksft_test_result(cells[0] + cells[1] + cells[2] == 5,
			 "half a bar is half as long, whatever its parts");
	bar_split(most, 4, 100, 10, cells);
	ksft_test_result(cells[0] == 10 && !cells[1] && !cells[2] && !cells[3],
			 "what rounds to nothing has no cell");
	for (int i = 0; i < 20000 && good; i++) {
		double parts[4], sum = 0, whole;
		int width = (int)(ksft_random(&rng) % 300), used = 0;

		for (int k = 0; k < 4; k++)
			sum += parts[k] = (double)(ksft_random(&rng) >> (ksft_random(&rng) % 64));
		whole = sum * (1 + (double)(ksft_random(&rng) % 4));
		bar_split(parts, 4, whole, width, cells);
		for (int k = 0; k < 4; k++) {
			good = good && cells[k] >= 0 &&
			       fabs(cells[k] - parts[k] / (whole + 1e-9) * width) <= 1.001;
			used += cells[k];
		}
		good = good && used <= width && fabs(used - sum / (whole + 1e-9) * width) <= 0.501;
	}
	ksft_test_result(good, "no part is off by more than a cell, the sum by half of one");
	bar_split(equal, 4, 0, 10, cells);
	good = !cells[0] && !cells[3];
	bar_split(equal, 4, 2, 10, cells);
	ksft_test_result(good && cells[0] + cells[1] + cells[2] + cells[3] == 10,
			 "of nothing: empty; beyond the whole: full");
}

static const struct column columns[] = {
	{"ID", 4, CELL_NUMBER},	    {"NAME", 5, CELL_NAME}, {"BYTES", 6, CELL_BYTES},
	{"BYTES/s", 7, CELL_COUNT}, {"FILL", 12, CELL_BAR},
};

static void add(struct grid *g, double id, const char *name, double bytes)
{
	struct cell *c = grid_add(g);

	c[0].number = id;
	c[1].text = name;
	c[2].number = bytes;
	c[4].number = 0.5;
}

static bool order_is(const struct grid *g, const char *ids)
{
	char found[16] = "";

	for (int i = 0; i < g->nr_rows; i++)
		snprintf(found + i, 2, "%.0f", grid_row(g, i)->number);
	if (strcmp(found, ids) != 0)
		ksft_print_msg("order %s, not %s", found, ids);
	return !strcmp(found, ids);
}

static void grids(void)
{
	struct line l = {0};
	struct grid g;
	bool good;

	grid_init(&g, columns, 5);
	add(&g, 1, "b", 100);
	add(&g, 2, "A", NAN);
	add(&g, 3, "c", 5 << 20);
	add(&g, 4, "a-too-long", 100);
	grid_sort(&g, 2, true);
	good = order_is(&g, "3142");
	grid_sort(&g, 2, false);
	ksft_test_result(good & order_is(&g, "1432"),
			 "sorted both ways; equals stay, the unknown is last");
	grid_sort(&g, 1, false);
	good = order_is(&g, "2413");
	grid_sort(&g, 7, true);
	ksft_test_result(good & order_is(&g, "2413"),
			 "names sort whatever their case; no column, no change");

	grid_line(&g, 1, 80, &l);
	ksft_test_result(!strcmp(l.text, "   4 a-too    100       - [+++++     ]"),
			 "cells are cut to their columns");
	l.len = 0;
	grid_heading(&g, 2, 20, &l);
	ksft_test_result(!strcmp(l.text, "  ID NAME   BYTES   ") && l.paint[12] == PAINT_SORT &&
				 l.paint[3] == PAINT_TITLE,
			 "columns that do not fit are left out");
	ksft_test_result(grid_find(columns, 5, "bytes") == 2 &&
				 grid_find(columns, 5, "BYTES/") == 3 &&
				 grid_find(columns, 5, "b") == -1 &&
				 grid_find(columns, 5, "f") == 4 && grid_find(columns, 5, "") == -1,
			 "a column is found by the beginning of its name, if it is the only one");
	good = true;
	for (int width = 0; width < 600; width++) {
		l.len = 0;
		grid_line(&g, 0, width, &l);
		good = good && l.len <= LINE_ROOM && (width < 4 || l.len <= width);
	}
	line_fill(&l, PAINT_PLAIN, 'x', 1000);
	line_add(&l, PAINT_PLAIN, "more");
	ksft_test_result(good && l.len == LINE_ROOM && strlen(l.text) == LINE_ROOM,
			 "no line is longer than asked for");
	grid_free(&g);
}

static int json_is(const char *in, const char *out)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool good;

	json_string(f, in);
	fclose(f);
	good = !strcmp(text, out);
	if (!good)
		ksft_print_msg("%s, not %s", text, out);
	free(text);
	return good;
}

static void json(void)
{
	ksft_test_result(
		json_is("a\"\\\n\x7f", "\"a\\\"\\\\\\u000a\\u007f\"") &
			json_is("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
				"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"") &
			json_is("\xc0\x80|\xed\xa0\x80|\xf5|\xe2\x82",
				"\"\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd|\\ufffd\\ufffd\""),
		"strings are valid UTF-8 whatever goes in");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(29);
	texts();
	sections();
	rates();
	sums();
	numbers();
	bars();
	grids();
	json();
	ksft_finished();
}
