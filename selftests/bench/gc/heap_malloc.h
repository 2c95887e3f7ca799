/* SPDX-License-Identifier: MIT */
/* heap_malloc.h - malloc and free, by hand: what a collector is held against. */
#ifndef LANE_BENCH_HEAP_MALLOC_H
#define LANE_BENCH_HEAP_MALLOC_H

#include "../bench.h"
#include <malloc.h>

#define HEAP_MANUAL 1
#define heap_store(slot, value) ((void)(*(slot) = (value)))
#define heap_null(slot) ((void)(*(slot) = NULL))

struct heap_type {
	size_t size;
};

static inline void heap_start(void)
{
}

static inline struct heap_type heap_type(const char *name, size_t size, uint64_t refs)
{
	(void)name;
	(void)refs;
	return (struct heap_type){size};
}

static inline void *heap_new(const struct heap_type *t)
{
	return must(malloc(t->size));
}

static inline void *heap_new_refs(size_t n)
{
	return must(calloc(n, sizeof(void *)));
}

static inline void *heap_new_bytes(size_t size)
{
	return must(malloc(size));
}

static inline void heap_drop(void *obj)
{
	free(obj);
}

static inline void heap_root(void *start, size_t bytes)
{
	(void)start;
	(void)bytes;
}

static inline void heap_collect(void)
{
}

static inline void heap_growth(bool on)
{
	(void)on;
}

static inline uint64_t heap_cycles(void)
{
	return 0;
}

static inline uint64_t heap_marking_ns(void)
{
	return 0;
}

static inline void heap_window(void)
{
}

static inline void heap_figures(void)
{
}

static void read_mallinfo2(void)
{
	keep((void *)mallinfo2().uordblks);
}

static const struct heap_reader heap_readers[] __attribute__((unused)) = {
	{"mallinfo2", read_mallinfo2},
	{NULL, NULL},
};

#endif /* LANE_BENCH_HEAP_MALLOC_H */
