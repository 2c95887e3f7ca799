// SPDX-License-Identifier: MIT
#include "sample.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define LABELS_MAX 16 /* of a sample; Lane writes two */

static bool name_char(char c, bool first, bool colons)
{
	return isalpha((unsigned char)c) || c == '_' || (colons && c == ':') ||
	       (!first && isdigit((unsigned char)c));
}

static size_t name_len(const char *s, size_t len, bool colons)
{
	size_t n = 0;

	while (n < len && name_char(s[n], n == 0, colons))
		n++;
	return n;
}

size_t sample_name_len(const char *s, size_t len)
{
	return name_len(s, len, true);
}

/* Bytes up to @end, a quote or the end, that are text with its escapes; -1 where they are not. */
static long text_len(const char *s, size_t len, char end)
{
	size_t n = 0;

	while (n < len && s[n] != end) {
		int c = utf8_len(s + n, len - n);

		if (!c || (unsigned char)s[n] < ' ')
			return -1;
		if (s[n] == '\\') {
			if (n + 1 == len || !memchr("\\n\"", s[n + 1], 3))
				return -1;
			c = 2;
		}
		n += (size_t)c;
	}
	return (long)n;
}

bool sample_help_good(const char *s, size_t len)
{
	return text_len(s, len, '\0') == (long)len;
}

static bool reserved(const char *name, size_t len)
{
	return (len == 3 && !memcmp(name, "pid", 3)) || (len == 4 && !memcmp(name, "comm", 4));
}

/* Whether one of the labels in the @len bytes at @s, each with a comma behind it, is called so. */
static bool has_label(const char *s, size_t len, const char *name, size_t name_bytes)
{
	for (size_t at = 0; at < len;) {
		size_t n = name_len(s + at, len - at, false);

		if (n == name_bytes && !memcmp(s + at, name, n))
			return true;
		at += n + 2;
		at += (size_t)text_len(s + at, len - at, '"') + 2;
	}
	return false;
}

/* The labels that @s begins with, without braces; -1 where they are no labels up to a brace. */
static long labels_len(const char *s, size_t len)
{
	size_t at = 0;

	if (len && s[0] == '}')
		return 0;
	for (int i = 0; i < LABELS_MAX; i++) {
		size_t n = name_len(s + at, len - at, false);
		long value;

		if (!n || reserved(s + at, n) || has_label(s, at, s + at, n) || len - at - n < 2 ||
		    s[at + n] != '=' || s[at + n + 1] != '"')
			return -1;
		at += n + 2;
		value = text_len(s + at, len - at, '"');
		if (value < 0)
			return -1;
		at += (size_t)value + 1; /* the quote, or beyond the end */
		if (at >= len)
			return -1;
		if (s[at] == '}')
			return (long)at;
		if (s[at++] != ',')
			return -1;
	}
	return -1;
}

static bool is_number(const char *s, size_t len)
{
	char buf[64], *end;

	if (!len || len >= sizeof(buf) || strspn(s, "0123456789+-.eEInfNa") < len)
		return false;
	memcpy(buf, s, len);
	buf[len] = '\0';
	strtod(buf, &end);
	return end != buf && !*end;
}

static size_t word_len(const char *s, size_t len)
{
	const char *blank = memchr(s, ' ', len);

	return blank ? (size_t)(blank - s) : len;
}

/* What may follow a value: a time, an exemplar. */
static bool tail_good(const char *s, size_t len)
{
	size_t n;

	if (!len)
		return true;
	if (len >= 3 && !memcmp(s, " # ", 3))
		return sample_help_good(s, len);
	n = word_len(s + 1, len - 1);
	if (s[0] != ' ' || !is_number(s + 1, n))
		return false;
	s += 1 + n;
	len -= 1 + n;
	return !len || (len >= 3 && !memcmp(s, " # ", 3) && sample_help_good(s, len));
}

bool sample_parse(struct sample_line *s, const char *line, size_t len)
{
	const char *end = line + len;

	*s = (struct sample_line){.name = line, .name_len = sample_name_len(line, len)};
	line += s->name_len;
	if (!s->name_len || line == end)
		return false;
	s->labels = line;
	if (*line == '{') {
		long n = labels_len(line + 1, (size_t)(end - line - 1));

		if (n < 0)
			return false;
		s->labels = line + 1;
		s->labels_len = (size_t)n;
		line += n + 2;
	}
	if (line == end || *line != ' ')
		return false;
	s->value = ++line;
	s->value_len = word_len(line, (size_t)(end - line));
	line += s->value_len;
	return is_number(s->value, s->value_len) && tail_good(line, (size_t)(end - line));
}
