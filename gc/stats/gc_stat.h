/* SPDX-License-Identifier: MIT */
/*
 * gc_stat.h - collected objects in the consistent snapshot, and in the walk that checks
 * it. They are hooks (percpu/process/hooks.h).
 */
#ifndef GC_GC_STAT_H
#define GC_GC_STAT_H

#include "gc.h"

struct seq_file;
struct tally;

void gc_stat_snapshot(struct tally *t);
void gc_stat_walk(struct tally *t);
void gc_stat_show(struct seq_file *m);
void gc_metrics_show(struct seq_file *m);

/* All but sz, from the last snapshot and the present; reader's lock held. */
void gc_stat_fill(struct lane_gc_stats *st);

#endif
