/* SPDX-License-Identifier: MIT */
/*
 * text.h - a file of a process taken apart. Keys and columns are found by name,
 * since more may be added (Documentation/stats.rst).
 *
 * A file is lines of "key value", where a value is the rest of its line, and
 * then, in some files, a line of column names and rows of as many words. The
 * names are told from a key by what follows: rows begin with a number, and keys
 * never do.
 */
#ifndef LANESTAT_TEXT_H
#define LANESTAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_key {
	const char *key;
	const char *value; /* "" where the line has one word */
};

struct text {
	char *buf; /* the text, cut up by 0 bytes; the rest points into it */
	struct text_key *keys;
	int nr_keys;
	const char **columns;
	int nr_columns; /* 0: no table */
	const char **cells;
	int nr_rows;
};

/* Takes apart @len bytes at @buf, which are copied. 0, -ENOMEM or -EINVAL: a row of another width,
 * a 0 byte. */
int text_parse(struct text *t, const char *buf, size_t len);
void text_free(struct text *t);

/* NULL where there is no such key. */
const char *text_value(const struct text *t, const char *key);

/* The column's index, -1 where there is none. */
int text_column(const struct text *t, const char *name);

/* A number, 0 where the cell, the column (-1) or the key is missing or no number. */
int64_t text_cell(const struct text *t, int row, int column);
int64_t text_number(const struct text *t, const char *key);

/* The sum of a column, 0 where there is none. */
int64_t text_sum(const struct text *t, const char *column);

/* The row whose first column is @id, -1 where there is none. */
int text_row(const struct text *t, int64_t id);

#endif /* LANESTAT_TEXT_H */
