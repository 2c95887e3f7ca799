// SPDX-License-Identifier: MIT
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool begins_with_number(const char *line)
{
	return isdigit((unsigned char)line[0]) ||
	       (line[0] == '-' && isdigit((unsigned char)line[1]));
}

static int count_words(const char *line)
{
	int n = 0;

	for (size_t i = 0; line[i]; i++)
		n += line[i] != ' ' && (i == 0 || line[i - 1] == ' ');
	return n;
}

/* Cut @line into words at @words; there is room for as many as count_words() found. */
static void cut_words(char *line, const char **words)
{
	char *state, *word;
	int n = 0;

	for (word = strtok_r(line, " ", &state); word; word = strtok_r(NULL, " ", &state))
		words[n++] = word;
}

static int add_row(struct text *t, char *line)
{
	if (count_words(line) != t->nr_columns)
		return -EINVAL;
	cut_words(line, t->cells + (size_t)t->nr_rows * t->nr_columns);
	t->nr_rows++;
	return 0;
}

/* @line names the columns of at most @rows rows that follow. */
static int begin_table(struct text *t, char *line, int rows)
{
	int n = count_words(line);

	t->columns = calloc(n, sizeof(*t->columns));
	t->cells = calloc((size_t)n * rows, sizeof(*t->cells));
	if (!t->columns || !t->cells)
		return -ENOMEM;
	cut_words(line, t->columns);
	t->nr_columns = n;
	return 0;
}

static void add_key(struct text *t, char *line)
{
	struct text_key *k = &t->keys[t->nr_keys++];
	char *blank = strchr(line, ' ');

	k->key = line;
	k->value = "";
	if (blank) {
		*blank = '\0';
		k->value = blank + 1;
	}
}

static int parse_lines(struct text *t, char **lines, int nr)
{
	int err = 0;

	for (int i = 0; i < nr && !err; i++) {
		if (t->nr_columns)
			err = add_row(t, lines[i]);
		else if (i + 1 < nr && count_words(lines[i]) && !begins_with_number(lines[i]) &&
			 begins_with_number(lines[i + 1]))
			err = begin_table(t, lines[i], nr - i - 1);
		else if (*lines[i])
			add_key(t, lines[i]);
	}
	return err;
}

static int cut_lines(char *buf, char **lines)
{
	int n = 0;

	for (char *next, *line = buf; *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		lines[n++] = line;
	}
	return n;
}

int text_parse(struct text *t, const char *buf, size_t len)
{
	size_t most = 1;
	char **lines;
	int err = -ENOMEM;

	memset(t, 0, sizeof(*t));
	if (memchr(buf, '\0', len))
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		most += buf[i] == '\n';
	lines = calloc(most, sizeof(*lines));
	t->keys = calloc(most, sizeof(*t->keys));
	t->buf = strndup(buf, len);
	if (lines && t->keys && t->buf)
		err = parse_lines(t, lines, cut_lines(t->buf, lines));
	free(lines);
	if (err)
		text_free(t);
	return err;
}

void text_free(struct text *t)
{
	free(t->buf);
	free(t->keys);
	free(t->columns);
	free(t->cells);
	memset(t, 0, sizeof(*t));
}

const char *text_value(const struct text *t, const char *key)
{
	for (int i = 0; i < t->nr_keys; i++)
		if (!strcmp(t->keys[i].key, key))
			return t->keys[i].value;
	return NULL;
}

int text_column(const struct text *t, const char *name)
{
	for (int i = 0; i < t->nr_columns; i++)
		if (!strcmp(t->columns[i], name))
			return i;
	return -1;
}

int64_t text_cell(const struct text *t, int row, int column)
{
	if (row < 0 || row >= t->nr_rows || column < 0 || column >= t->nr_columns)
		return 0;
	return strtoll(t->cells[(size_t)row * t->nr_columns + column], NULL, 10);
}

int64_t text_number(const struct text *t, const char *key)
{
	const char *value = text_value(t, key);

	return value ? strtoll(value, NULL, 10) : 0;
}

int64_t text_sum(const struct text *t, const char *column)
{
	int at = text_column(t, column);
	int64_t sum = 0;

	for (int i = 0; i < t->nr_rows; i++)
		sum += text_cell(t, i, at);
	return sum;
}

int text_row(const struct text *t, int64_t id)
{
	for (int i = 0; i < t->nr_rows; i++)
		if (text_cell(t, i, 0) == id)
			return i;
	return -1;
}
