/* SPDX-License-Identifier: MIT */
/*
 * tally.h - counts of the whole heap, collected by home and class either from
 * the books (snapshot.c) or from the heap itself (walk.c), and added up into
 * struct lane_stats in one place.
 *
 * One tally exists; the reader's lock (snapshot_lock()) protects it.
 */
#ifndef PERCPU_TALLY_H
#define PERCPU_TALLY_H

#include <lane/lane.h>

#include "compiler.h"
#include "layout.h"
#include "size_class.h"

/* Objects of one class with one home. */
struct class_tally {
	u64 mallocs;
	u64 frees;
	u64 live;
	u64 cpu_cached;
	u64 transfer_cached;
	u64 central_free;
	u64 in_transit;
	u64 quarantine;
	u64 spans;
	u64 refills; /* batches */
	u64 flushes; /* batches */
};

/* The rest of one home; bytes unless said. */
struct home_tally {
	struct class_tally cls[NR_CLASSES];
	u64 large_mallocs; /* objects */
	u64 large_frees;   /* objects */
	u64 large_live;	   /* objects */
	u64 large_bytes;
	u64 held_bytes; /* of large objects in quarantine */
	u64 opened;
	u64 released;
	u64 page_free; /* backed */
	/* Collected objects, by class; 0: large ones. Filled in by hooks.snapshot and hooks.walk.
	 */
	struct class_tally collected[NR_CLASSES];
	u64 collected_large;	  /* bytes of large ones' spans */
	u64 collected_large_made; /* bytes of all that there were; only hooks.snapshot */
	u64 collected_bytes;	  /* of all spans that hold collected objects */
};

struct tally {
	struct home_tally home[MAX_HOMES]; /* as many as nr_homes are touched */
	u64 direct_mallocs;		   /* past the CPU caches */
	u64 direct_frees;
	u64 mapped_mallocs; /* objects with a mapping of their own: of handlers, guarded */
	u64 mapped_frees;
	u64 mapped_live;
	u64 mapped_bytes;
	u64 meta_reserved;
	u64 meta_mapped;
};

/* The one tally, zeroed; @st's totals and rows likewise, its rooms noted. */
struct tally *tally_begin(struct lane_stats *st);

/* Append a row of a CPU to @st, where there is room, and count it. */
void tally_cpu(struct lane_stats *st, const struct lane_cpu_stats *row);

/* Add everything up into @st: totals, classes, nodes, and the direct row of cpus. */
void tally_end(const struct tally *t, struct lane_stats *st);

#endif
