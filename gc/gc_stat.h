/* SPDX-License-Identifier: MIT */
/*
 * gc_stat.h - collected objects in the consistent snapshot, and in the walk that checks
 * it. They are hooks (percpu/hooks.h).
 */
#ifndef GC_GC_STAT_H
#define GC_GC_STAT_H

#include "gc.h"

struct seq_file;
struct tally;

void gc_stat_snapshot(struct tally *t);
void gc_stat_walk(struct tally *t);
void gc_stat_show(struct seq_file *m);

#endif
