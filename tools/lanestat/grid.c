// SPDX-License-Identifier: MIT
#include "grid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bar.h"
#include "human.h"

void grid_init(struct grid *g, const struct column *columns, int nr_columns)
{
	*g = (struct grid){.columns = columns, .nr_columns = nr_columns};
}

void grid_free(struct grid *g)
{
	free(g->cells);
	g->cells = NULL;
	g->nr_rows = g->room = 0;
}

struct cell *grid_row(const struct grid *g, int row)
{
	return g->cells + (size_t)row * g->nr_columns;
}

struct cell *grid_add(struct grid *g)
{
	struct cell *row;

	if (g->nr_rows == g->room) {
		int room = g->room ? g->room * 2 : 64;

		row = reallocarray(g->cells, (size_t)room * g->nr_columns, sizeof(*row));
		if (!row)
			return NULL;
		g->cells = row;
		g->room = room;
	}
	row = grid_row(g, g->nr_rows++);
	for (int i = 0; i < g->nr_columns; i++)
		row[i] = (struct cell){.number = NAN};
	return row;
}

int grid_find(const struct column *columns, int nr_columns, const char *name)
{
	size_t len = strlen(name);
	int found = -1;

	for (int i = 0; i < nr_columns; i++) {
		if (strncasecmp(columns[i].title, name, len) != 0)
			continue;
		if (!columns[i].title[len])
			return i;
		found = found == -1 ? i : -2;
	}
	return found < 0 || !len ? -1 : found;
}

bool grid_falls(const struct column *column)
{
	return column->kind != CELL_NAME && column->kind != CELL_NUMBER;
}

struct order {
	const struct grid *g;
	int column;
	int sign; /* -1: falling */
};

static int compare(const struct cell *a, const struct cell *b, const struct order *o)
{
	if (o->g->columns[o->column].kind == CELL_NAME)
		return o->sign * strcasecmp(a->text ? a->text : "", b->text ? b->text : "");
	if (isnan(a->number) || isnan(b->number))
		return isnan(a->number) - isnan(b->number);
	return o->sign * ((a->number > b->number) - (a->number < b->number));
}

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	int x = *(const int *)a, y = *(const int *)b;
	int way = compare(grid_row(o->g, x) + o->column, grid_row(o->g, y) + o->column, o);

	return way ? way : (x > y) - (x < y);
}

void grid_sort(struct grid *g, int column, bool falling)
{
	struct order o = {.g = g, .column = column, .sign = falling ? -1 : 1};
	size_t size = (size_t)g->nr_columns * sizeof(*g->cells);
	struct cell *sorted = malloc(g->nr_rows * size + 1);
	int *rows = malloc((g->nr_rows + 1) * sizeof(*rows));

	/* Without memory it stays as it is. */
	for (int i = 0; rows && i < g->nr_rows; i++)
		rows[i] = i;
	if (rows && sorted && column >= 0 && column < g->nr_columns) {
		qsort_r(rows, g->nr_rows, sizeof(*rows), compare_rows, &o);
		for (int i = 0; i < g->nr_rows; i++)
			memcpy(sorted + (size_t)i * g->nr_columns, grid_row(g, rows[i]), size);
		if (g->nr_rows)
			memcpy(g->cells, sorted, g->nr_rows * size);
	}
	free(rows);
	free(sorted);
}

/* How many columns fit, each but the first with a blank before it. */
static int fitting(const struct grid *g, int width)
{
	int used = -1, n = 0;

	while (n < g->nr_columns && used + 1 + g->columns[n].width <= width)
		used += 1 + g->columns[n++].width;
	return n ? n : 1;
}

void grid_heading(const struct grid *g, int sorted, int width, struct line *l)
{
	int n = fitting(g, width);

	for (int i = 0; i < n; i++) {
		const struct column *c = &g->columns[i];
		bool left = c->kind == CELL_NAME || c->kind == CELL_BAR;

		line_fill(l, PAINT_TITLE, ' ', i > 0);
		line_add(l, i == sorted ? PAINT_SORT : PAINT_TITLE, "%*.*s",
			 left ? -c->width : c->width, c->width, c->title);
	}
	line_fill(l, PAINT_TITLE, ' ', width - l->len);
}

static void add_bar(const struct column *c, double fraction, struct line *l)
{
	int cells;

	fraction = isnan(fraction) || fraction < 0 ? 0 : fraction;
	bar_split(&fraction, 1, 1, c->width - 2, &cells);
	line_add(l, PAINT_PLAIN, "[");
	line_fill(l, PAINT_CACHED, '+', cells);
	line_fill(l, PAINT_PLAIN, ' ', c->width - 2 - cells);
	line_add(l, PAINT_PLAIN, "]");
}

static void add_cell(const struct column *c, const struct cell *cell, struct line *l)
{
	char buf[HUMAN_ROOM];
	const char *text = cell->text;

	if (c->kind == CELL_BAR) {
		add_bar(c, cell->number, l);
		return;
	}
	if (!text) {
		text = buf;
		if (c->kind == CELL_BYTES)
			human_bytes(buf, cell->number);
		else if (isnan(cell->number) || c->kind == CELL_COUNT)
			human_count(buf, cell->number);
		else if (c->kind == CELL_PERCENT)
			snprintf(buf, sizeof(buf), "%.0f%%", cell->number * 100);
		else
			snprintf(buf, sizeof(buf), "%.0f", cell->number);
	}
	line_add(l, PAINT_PLAIN, "%*.*s", c->kind == CELL_NAME ? -c->width : c->width, c->width,
		 text);
}

void grid_line(const struct grid *g, int row, int width, struct line *l)
{
	int n = fitting(g, width);

	for (int i = 0; i < n; i++) {
		line_fill(l, PAINT_PLAIN, ' ', i > 0);
		add_cell(&g->columns[i], grid_row(g, row) + i, l);
	}
}
