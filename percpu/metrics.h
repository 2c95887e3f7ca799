/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - a snapshot as OpenMetrics 1.0 text. Documentation/stats.rst has
 * the rule by which names follow from the keys and columns of the other files.
 */
#ifndef PERCPU_METRICS_H
#define PERCPU_METRICS_H

#include <lane/lane.h>

#include "seq_file.h"

/* All families, without the line that ends the text. */
void metrics_show(struct seq_file *m, const struct lane_stats *st);

#endif
