/* SPDX-License-Identifier: MIT */
/* heap_lane.h - Lane's collected heap: types by bitmap, stores by lane_gc_write(). */
#ifndef LANE_BENCH_HEAP_LANE_H
#define LANE_BENCH_HEAP_LANE_H

#include <lane/lane_gc.h>

/* Before bench.h, whose run_threads() makes threads, too. */
#define pthread_create lane_gc_pthread_create

#include "../bench.h"
#include <errno.h>

#define HEAP_MANUAL 0
#define heap_store(slot, value) lane_gc_write((slot), (value))
#define heap_null(slot) ((void)(slot))

struct heap_type {
	const struct lane_gc_type *type;
};

static struct lane_gc_stats window_stats;

static inline void *found(void *obj)
{
	if (!obj)
		die(errno == EPERM ? "lane_gc_alloc: the thread is not attached"
				   : "lane_gc_alloc: out of memory");
	return keep(obj);
}

static inline void heap_stats(struct lane_gc_stats *st)
{
	*st = (struct lane_gc_stats){.sz = sizeof(*st)};
	if (lane_gc_stats_read(st))
		die("lane_gc_stats_read failed");
}

static inline struct heap_type heap_type(const char *name, size_t size, uint64_t refs)
{
	struct lane_gc_layout layout = {.sz = sizeof(layout),
					.name = name,
					.size = size,
					.bitmap = &refs,
					.bitmap_bits = size / sizeof(void *)};
	struct heap_type t = {NULL};

	if (lane_gc_type_create(&layout, &t.type))
		die("lane_gc_type_create failed");
	return t;
}

static struct heap_type one_ref;

static inline void heap_start(void)
{
	if (lane_gc_init(NULL))
		die("lane_gc_init failed");
	if (lane_gc_attach())
		die("lane_gc_attach failed");
	one_ref = heap_type("reference", sizeof(void *), 1);
}

static inline void *heap_new(const struct heap_type *t)
{
	return found(lane_gc_alloc(t->type));
}

static inline void *heap_new_refs(size_t n)
{
	return found(lane_gc_alloc_array(one_ref.type, n));
}

static inline void *heap_new_bytes(size_t size)
{
	return found(lane_gc_alloc_noscan(size));
}

static inline void heap_drop(void *obj)
{
	(void)obj;
}

static inline void heap_root(void *start, size_t bytes)
{
	if (lane_gc_add_roots(start, bytes))
		die("lane_gc_add_roots failed");
}

static inline void heap_collect(void)
{
	if (lane_gc_collect())
		die("lane_gc_collect failed");
}

static inline void heap_growth(bool on)
{
	lane_gc_set_percent(on ? 100 : -1);
}

static inline uint64_t heap_cycles(void)
{
	struct lane_gc_stats st;

	heap_stats(&st);
	return st.cycles;
}

static inline uint64_t heap_marking_ns(void)
{
	struct lane_gc_stats st;

	heap_stats(&st);
	return st.worker_ns + st.assist_ns;
}

static inline void heap_window(void)
{
	heap_stats(&window_stats);
}

static inline void heap_figures(void)
{
	struct lane_gc_stats st;

	heap_stats(&st);
	put("gc.cycles", (double)(st.cycles - window_stats.cycles), "count");
	put("gc.stack_copies", (double)(st.stack_copies - window_stats.stack_copies), "count");
	put("gc.stack_copy_max", (double)st.stack_copy_max_ns / 1e3, "us");
	put("gc.assist", (double)(st.assist_ns - window_stats.assist_ns) / 1e6, "ms");
	put("gc.worker", (double)(st.worker_ns - window_stats.worker_ns) / 1e6, "ms");
	put("gc.sweep", (double)(st.sweep_ns - window_stats.sweep_ns) / 1e6, "ms");
	put("gc.last_marking", (double)st.cycle_ns / 1e6, "ms");
}

static void read_gc_stats(void)
{
	struct lane_gc_stats st;

	heap_stats(&st);
	keep((void *)st.live);
}

static void read_stats(void)
{
	static struct lane_class_stats classes[512];
	static struct lane_cpu_stats cpus[1024];
	static struct lane_node_stats nodes[64];
	static struct lane_stats st;

	st = (struct lane_stats){.sz = sizeof(st),
				 .nr_classes = 512,
				 .nr_cpus = 1024,
				 .nr_nodes = 64,
				 .classes = classes,
				 .cpus = cpus,
				 .nodes = nodes};
	if (lane_stats_read(&st))
		die("lane_stats_read failed");
	keep((void *)st.in_use);
}

static const struct heap_reader heap_readers[] __attribute__((unused)) = {
	{"lane_gc_stats_read", read_gc_stats},
	{"lane_stats_read", read_stats},
	{NULL, NULL},
};

#endif /* LANE_BENCH_HEAP_LANE_H */
