/* SPDX-License-Identifier: MIT */
/*
 * grid.h - a table of numbers that can be sorted by any column and put into
 * lines. Columns stand in the order of their worth: where a line is too short
 * for all, the last ones are left out.
 */
#ifndef LANESTAT_GRID_H
#define LANESTAT_GRID_H

#include <stdbool.h>

#include "line.h"

enum cell_kind {
	CELL_NAME,    /* text, to the left */
	CELL_NUMBER,  /* as it is; begins with the smallest when sorted by */
	CELL_BYTES,   /* with K, M, G; 1024s */
	CELL_COUNT,   /* with k, M, G; 1000s */
	CELL_PERCENT, /* from a fraction */
	CELL_BAR,     /* from a fraction */
};

struct column {
	const char *title;
	int width;
	enum cell_kind kind;
};

struct cell {
	double number;	  /* sorted by, NaN: unknown */
	const char *text; /* shown instead, and sorted by where the kind is a name; not owned */
};

struct grid {
	const struct column *columns;
	int nr_columns;
	struct cell *cells; /* rows of nr_columns each */
	int nr_rows, room;
};

void grid_init(struct grid *g, const struct column *columns, int nr_columns);
void grid_free(struct grid *g);

/* A new row, all cells unknown; NULL where there is no memory. The pointer is good until the next
 * one. */
struct cell *grid_add(struct grid *g);
struct cell *grid_row(const struct grid *g, int row);

/* The column whose title begins with @name, whatever the case; -1: none, or several and none is it.
 */
int grid_find(const struct column *columns, int nr_columns, const char *name);

/* Whether a sort by @column begins with the largest unless asked otherwise. */
bool grid_falls(const struct column *column);

/* Rows of equal cells stay in their order, unknown ones come last either way. */
void grid_sort(struct grid *g, int column, bool falling);

void grid_heading(const struct grid *g, int sorted, int width, struct line *l);
void grid_line(const struct grid *g, int row, int width, struct line *l);

#endif /* LANESTAT_GRID_H */
