/* SPDX-License-Identifier: MIT */
/* report_words.h - how the page calls the keys and columns that it knows, and their units. */
#ifndef LANESTAT_REPORT_WORDS_H
#define LANESTAT_REPORT_WORDS_H

#include <stdint.h>

#include "text.h"

enum report_unit { UNIT_TEXT, UNIT_NUMBER, UNIT_COUNT, UNIT_BYTES };

struct report_word {
	const char *key;
	const char *label;
	enum report_unit unit;
	const char *meaning;
};

/* What mapped memory consists of, without a rest, from used to given back. */
#define REPORT_PARTS 11
extern const struct report_word report_parts[REPORT_PARTS];

/* A key of heapinfo, a column of cpuinfo or nodeinfo; of classinfo where @class_column. A key that
 * is not known is shown under its own name, as text. */
struct report_word report_word(const char *key, bool class_column);

/* The parts in the keys of @t, or in row @row where that is not -1. */
void report_parts_of(const struct text *t, int row, int64_t part[REPORT_PARTS]);

#endif /* LANESTAT_REPORT_WORDS_H */
