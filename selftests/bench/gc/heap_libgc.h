/* SPDX-License-Identifier: MIT */
/*
 * heap_libgc.h - the Boehm-Demers-Weiser collector as Debian has it.
 *
 * As it comes: all interior pointers count, whole objects are scanned
 * conservatively, marking in parallel. LIBGC_INCREMENTAL=1 in the environment
 * asks for its incremental mode, with its usual limit of 15 ms. Its heap
 * grows in small steps only, so whoever runs this sets GC_INITIAL_HEAP_SIZE.
 */
#ifndef LANE_BENCH_HEAP_LIBGC_H
#define LANE_BENCH_HEAP_LIBGC_H

#define GC_THREADS
#include <gc/gc.h>
#include "../bench.h"
#include "hist.h"

#define HEAP_MANUAL 0
#define LARGE 100000 /* from here on libgc's manual asks for the other call */
#define heap_store(slot, value) ((void)(*(slot) = (value)))
#define heap_null(slot) ((void)(slot))

struct heap_type {
	size_t size;
};

/* Written under libgc's lock, by whichever thread collects. */
static struct hist stops;
static uint64_t stop_began;
static uint64_t window_cycles;

static void on_event(GC_EventType event)
{
	if (event == GC_EVENT_PRE_STOP_WORLD)
		stop_began = now_ns();
	else if (event == GC_EVENT_POST_START_WORLD && stop_began)
		hist_add(&stops, now_ns() - stop_began);
}

static inline void heap_start(void)
{
	GC_INIT();
	GC_set_warn_proc(GC_ignore_warn_proc);
	if (getenv("LIBGC_INCREMENTAL")) {
		GC_enable_incremental();
		GC_set_time_limit(15);
		if (!GC_is_incremental_mode())
			die("libgc: no incremental mode");
	}
	GC_set_on_collection_event(on_event);
}

static inline struct heap_type heap_type(const char *name, size_t size, uint64_t refs)
{
	(void)name;
	(void)refs;
	return (struct heap_type){size};
}

static inline void *heap_new(const struct heap_type *t)
{
	return must(GC_MALLOC(t->size));
}

static inline void *heap_new_refs(size_t n)
{
	size_t size = n * sizeof(void *);

	return must(size < LARGE ? GC_MALLOC(size) : GC_MALLOC_IGNORE_OFF_PAGE(size));
}

static inline void *heap_new_bytes(size_t size)
{
	return must(size < LARGE ? GC_MALLOC_ATOMIC(size) : GC_MALLOC_ATOMIC_IGNORE_OFF_PAGE(size));
}

static inline void heap_drop(void *obj)
{
	(void)obj;
}

/* Static data are roots as they are. */
static inline void heap_root(void *start, size_t bytes)
{
	(void)start;
	(void)bytes;
}

static inline void heap_collect(void)
{
	GC_gcollect();
}

static inline void heap_growth(bool on)
{
	if (on)
		GC_enable();
	else
		GC_disable();
}

static inline uint64_t heap_cycles(void)
{
	return GC_get_gc_no();
}

static inline uint64_t heap_marking_ns(void)
{
	return 0;
}

static inline void heap_window(void)
{
	hist_clear(&stops);
	window_cycles = GC_get_gc_no();
}

static inline void heap_figures(void)
{
	put("gc.cycles", (double)(GC_get_gc_no() - window_cycles), "count");
	put("gc.stop_p50", (double)hist_at(&stops, 0.5) / 1e3, "us");
	put("gc.stop_max", (double)stops.max / 1e3, "us");
	put("gc.stops", (double)stops.n, "count");
	put("gc.stopped", stops.sum / 1e6, "ms");
}

static void read_prof_stats(void)
{
	struct GC_prof_stats_s st;

	GC_get_prof_stats(&st, sizeof(st));
	keep((void *)st.heapsize_full);
}

static void read_heap_usage(void)
{
	GC_word heap, free, unmapped, since, total;

	GC_get_heap_usage_safe(&heap, &free, &unmapped, &since, &total);
	keep((void *)heap);
}

static const struct heap_reader heap_readers[] __attribute__((unused)) = {
	{"GC_get_prof_stats", read_prof_stats},
	{"GC_get_heap_usage_safe", read_heap_usage},
	{NULL, NULL},
};

#endif /* LANE_BENCH_HEAP_LIBGC_H */
