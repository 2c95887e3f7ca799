/* SPDX-License-Identifier: MIT */
/*
 * heap.h - one source, several heaps. A program is compiled once for each:
 * -DHEAP_MALLOC, -DHEAP_LIBGC, -DHEAP_LANE. The same work in Go is in go/.
 *
 * What a heap_NAME.h gives:
 *
 *  HEAP_MANUAL               1 where the program frees by hand
 *  heap_start()              by the first thread, before all else
 *  heap_type(name, size, refs)  bit i of refs: word i of the object is a reference
 *  heap_new(type)            an object; its references are NULL once heap_null() was
 *                            said of those that nothing else is stored to
 *  heap_new_refs(n)          an array of n references, all NULL
 *  heap_new_bytes(size)      holds no references; its contents are anything
 *  heap_null(slot)           in a new object: collectors hand out zeroes as it is
 *  heap_store(slot, value)   every store of a reference
 *  heap_drop(obj)            free() by hand; nothing where there is a collector
 *  heap_root(start, bytes)   memory outside the heap that holds references
 *  heap_collect()            a whole collection
 *  heap_growth(on)           off: no collection because the heap has grown
 *  heap_cycles()             collections until now
 *  heap_marking_ns()         CPU time of marking until now, as the collector tells; else 0
 *  heap_window()             figures of the collector count from here
 *  heap_figures()            put them
 *  heap_readers              the facilities that tell statistics
 *  pthread_create            makes threads that the collector knows
 *
 * References are on stacks, in objects and in roots, nowhere else.
 */
#ifndef LANE_BENCH_HEAP_H
#define LANE_BENCH_HEAP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_reader {
	const char *name;
	void (*read)(void);
};

#if defined(HEAP_MALLOC)
#include "heap_malloc.h"
#elif defined(HEAP_LIBGC)
#include "heap_libgc.h"
#elif defined(HEAP_LANE)
#include "heap_lane.h"
#else
#error "one of HEAP_MALLOC, HEAP_LIBGC, HEAP_LANE"
#endif

#endif /* LANE_BENCH_HEAP_H */
