/* SPDX-License-Identifier: MIT */
/*
 * exposition.h - the metrics of many processes as one text.
 *
 * Each process has a whole OpenMetrics text of its own. One text may name a
 * family once only, so families are put together: TYPE, UNIT and HELP of the
 * first process that has it, then the samples of all, with labels that tell them
 * apart. A text is taken whole or not at all, and what comes out is well formed
 * whatever goes in.
 */
#ifndef LANESTAT_EXPOSITION_H
#define LANESTAT_EXPOSITION_H

#include <stddef.h>
#include <stdio.h>

enum exposition_format {
	FORMAT_TEXT,	    /* Prometheus' text format 0.0.4 */
	FORMAT_OPENMETRICS, /* 1.0.0 */
};

struct exposition {
	struct family *families;
	int nr;
};

/*
 * exposition_add - the text of one process
 * @labels: put first into the braces of each sample: name="value",...
 *
 * Samples of a family that others have with another type or unit, or whose samples
 * others call so, are left out. Return: 0, -EINVAL: not OpenMetrics, cut off, more
 * than a thousand families, or with a label pid or comm of its own; -ENOMEM. After an
 * error @e is as it was.
 */
int exposition_add(struct exposition *e, const char *text, size_t len, const char *labels);

void exposition_write(const struct exposition *e, enum exposition_format format, FILE *out);
void exposition_free(struct exposition *e);

#endif /* LANESTAT_EXPOSITION_H */
