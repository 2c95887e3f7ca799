// SPDX-License-Identifier: MIT
#include "sections.h"

#include <errno.h>
#include <string.h>

#define BEFORE "== "
#define AFTER " =="

/* The line at @at is a heading; its name. */
static bool heading(const char *at, const char *end, char *name, size_t room)
{
	size_t len = (size_t)(end - at), before = strlen(BEFORE), after = strlen(AFTER);
	const char *newline = memchr(at, '\n', len);

	if (!newline)
		return false;
	len = (size_t)(newline - at);
	if (len <= before + after || len - before - after >= room || memcmp(at, BEFORE, before) ||
	    memcmp(newline - after, AFTER, after))
		return false;
	memcpy(name, at + before, len - before - after);
	name[len - before - after] = '\0';
	return true;
}

bool section_next(struct section *s, const char **at, const char *end)
{
	const char *line = *at, *newline;
	char other[sizeof(s->name)];

	if (line == end || !heading(line, end, s->name, sizeof(s->name)))
		return false;
	line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
	s->text = line;
	while (line < end && !heading(line, end, other, sizeof(other))) {
		newline = memchr(line, '\n', (size_t)(end - line));
		line = newline ? newline + 1 : end;
	}
	s->len = (size_t)(line - s->text);
	*at = line;
	return true;
}

bool section_find(struct section *s, const char *all, size_t len, const char *name)
{
	const char *at = all;

	while (section_next(s, &at, all + len))
		if (!strcmp(s->name, name))
			return true;
	return false;
}

int section_parse(struct text *t, const char *all, size_t len, const char *name)
{
	struct section s;

	memset(t, 0, sizeof(*t));
	return section_find(&s, all, len, name) ? text_parse(t, s.text, s.len) : -EINVAL;
}
