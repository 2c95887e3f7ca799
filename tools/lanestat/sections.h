/* SPDX-License-Identifier: MIT */
/*
 * sections.h - the file "all" taken apart: files of one snapshot, each behind a
 * line "== NAME ==" (Documentation/stats.rst).
 */
#ifndef LANESTAT_SECTIONS_H
#define LANESTAT_SECTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

struct section {
	char name[32];
	const char *text; /* into what is read */
	size_t len;
};

/* The section at *@at, which is then behind it; false at @end, or where no section begins. */
bool section_next(struct section *s, const char **at, const char *end);

/* The section of that name in @len bytes at @all; false where there is none. */
bool section_find(struct section *s, const char *all, size_t len, const char *name);

/* Takes apart the section @name: as text_parse(), -EINVAL also where there is none. */
int section_parse(struct text *t, const char *all, size_t len, const char *name);

#endif /* LANESTAT_SECTIONS_H */
