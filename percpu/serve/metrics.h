/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - a snapshot as OpenMetrics 1.0 text. Documentation/stats.rst has
 * the rule by which names follow from the keys and columns of the other files.
 */
#ifndef PERCPU_METRICS_H
#define PERCPU_METRICS_H

#include <lane/lane.h>
#include <stddef.h>

#include "compiler.h"
#include "seq_file.h"

enum metrics_kind { GAUGE, COUNTER };

struct metrics_family {
	const char *name; /* without the scope and the unit */
	const char *unit; /* or NULL; seconds: the value is in ns */
	enum metrics_kind kind;
	size_t at; /* of the u64 in the scope's row */
	const char *help;
};

/* All families, without the line that ends the text. */
void metrics_show(struct seq_file *m, const struct lane_stats *st);

/* Families of one row, without labels: what the collected heap has; hooks.metrics. */
void metrics_show_row(struct seq_file *m, const char *prefix, const struct metrics_family *families,
		      u32 n, const void *row);

#endif
