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

/* What is shown of one moment. */
struct gc_stat_view {
	struct lane_gc_stats st;
	bool failed;
	int percent;
	u64 limit; /* bytes */
};

/* That of the last snapshot, the same until the next one; reader's lock held. */
const struct gc_stat_view *gc_stat_view(void);

#endif
