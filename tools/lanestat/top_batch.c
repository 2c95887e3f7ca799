// SPDX-License-Identifier: MIT
/* lanestat top -b: the same lines to a file, whole tables, an empty line between refreshes. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lanestat.h"
#include "top.h"

#define HEAD_ROOM (TOTALS_NODES + 8)

static void put(const struct line *l, int width)
{
	int len = l->len < width ? l->len : width;

	while (len && l->text[len - 1] == ' ')
		len--;
	printf("%.*s\n", len, l->text);
}

static int columns(void)
{
	const char *text = getenv("COLUMNS");
	long n = 0;

	/* All columns, unless somebody says how many there are. */
	if (!text || !parse_count(text, &n) || n > LINE_ROOM)
		n = 200;
	return n < 20 ? 20 : (int)n;
}

static void print(const struct top *t)
{
	static struct line lines[HEAD_ROOM];
	int width = columns();
	int n = top_head(t, width < 100 ? width : 100, TOTALS_NODES, lines, HEAD_ROOM);
	struct grid g;

	for (int i = 0; i < n; i++)
		put(&lines[i], width);
	putchar('\n');
	top_grid(t, &g);
	lines[0].len = 0;
	grid_heading(&g, -1, width, &lines[0]);
	put(&lines[0], width);
	for (int i = 0; i < g.nr_rows; i++) {
		lines[0].len = 0;
		grid_line(&g, i, width, &lines[0]);
		put(&lines[0], width);
	}
	grid_free(&g);
}

int top_batch(struct top *t)
{
	double next = now_seconds();

	for (long i = 0; !t->rounds || i < t->rounds; i++) {
		int err;

		if (i) {
			double left = (next += t->seconds) - now_seconds();

			if (left > 0)
				poll(NULL, 0, (int)(left * 1000 + 0.5));
			else
				next = now_seconds();
			putchar('\n');
		}
		err = fleet_refresh(&t->fleet);
		if (!err && t->fleet.only)
			err = t->fleet.members[0].err;
		if (err && t->fleet.only)
			return fail_client(t->fleet.only, "top", err);
		if (err)
			return fail("the list of processes: %s", strerror(-err));
		print(t);
		if (finish_output())
			return STATUS_FAILED;
	}
	return STATUS_OK;
}
