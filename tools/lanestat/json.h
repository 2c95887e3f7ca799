/* SPDX-License-Identifier: MIT */
/*
 * json.h - texts as JSON for scripts. Integers are numbers, in full; true and
 * false are booleans; the keys that hold words (mode, library, ...) are strings
 * whatever they look like.
 */
#ifndef LANESTAT_JSON_H
#define LANESTAT_JSON_H

#include <stdio.h>

#include "text.h"

/* A string with its quotes. What is no UTF-8 comes out as U+FFFD. */
void json_string(FILE *out, const char *s);

/* The value of @key as what it is. */
void json_value(FILE *out, const char *key, const char *value);

/* One object and a newline: a member for each key, and "rows", an array of objects, for a table. */
void json_text(FILE *out, const struct text *t);

/* The file "all": an object with one such for each section. Nothing is written where it is
 * malformed, and -EINVAL returned, or -ENOMEM. */
int json_sections(FILE *out, const char *all, size_t len);

#endif /* LANESTAT_JSON_H */
