/* SPDX-License-Identifier: MIT */
/* sample.h - the grammar of a line of OpenMetrics, checked to the last byte. */
#ifndef LANESTAT_SAMPLE_H
#define LANESTAT_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

/* Where the parts of a sample are; what follows the value (time, exemplar) is left out. */
struct sample_line {
	const char *name;
	size_t name_len;
	const char *labels; /* between the braces */
	size_t labels_len;
	const char *value;
	size_t value_len;
};

/* False where @line, of @len bytes without its end, is no sample, or has a label pid or comm, one
 * twice, or more than 16. */
bool sample_parse(struct sample_line *s, const char *line, size_t len);

/* Bytes of the metric name that @s begins with. */
size_t sample_name_len(const char *s, size_t len);

/* UTF-8 without control characters, and backslashes only before \, n and ". */
bool sample_help_good(const char *s, size_t len);

#endif /* LANESTAT_SAMPLE_H */
