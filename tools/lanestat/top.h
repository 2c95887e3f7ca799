/* SPDX-License-Identifier: MIT */
/*
 * top.h - lanestat top: what it shows (struct top), made into lines by
 * top_head.c and top_views.c, which go to a terminal (top_screen.c) or, with
 * -b, to a file.
 */
#ifndef LANESTAT_TOP_H
#define LANESTAT_TOP_H

#include "fleet.h"
#include "grid.h"

enum top_view {
	VIEW_CLASSES,
	VIEW_LANES,
	VIEW_NODES,
	VIEW_PROCESSES,
	NR_VIEWS,
};

struct top {
	struct fleet fleet;
	double seconds; /* between refreshes */
	long rounds;	/* to end after, 0: never */
	bool batch;

	enum top_view view;
	int sort[NR_VIEWS]; /* a column of each view */
	bool falling[NR_VIEWS];
	bool idle;   /* show rows in which nothing is and nothing moves, too */
	bool chosen; /* fleet.only was picked from the processes, and Esc leads back */

	pid_t cursor;	  /* the process it is on, 0: the first row */
	int first;	  /* row at the top of the table */
	char message[80]; /* instead of the keys, for a while */
	bool gone;	  /* the only process ended */
};

/* A view's name as -v takes it, and its columns. */
extern const struct top_view_kind {
	const char *name;
	const struct column *columns;
	int nr_columns;
	int sort; /* the column by which it is sorted at first */
} top_views[NR_VIEWS];

/* The rows of the view that is shown, sorted. */
void top_grid(const struct top *t, struct grid *g);

/* At most @room lines of @width: totals, rates, and a bar for each of up to @bars nodes; returns
 * how many. */
int top_head(const struct top *t, int width, int bars, struct line *lines, int room);

/* The live screen and the other one. Both return an exit status. */
int top_screen(struct top *t);
int top_batch(struct top *t);

/* What a key means; false: quit. */
bool top_key(struct top *t, int key, int page);

#endif /* LANESTAT_TOP_H */
