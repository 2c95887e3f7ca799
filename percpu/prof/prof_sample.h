/* SPDX-License-Identifier: MIT */
/*
 * prof_sample.h - taking a sample, and its end.
 *
 * A sampled small object comes from spans that hold nothing else: their pagemap
 * entry is 0, so free() asks the span (malloc_slow.c), and free() of any other
 * object pays nothing. A sampled large object is marked in its span. Objects that a
 * handler gets inside a slow path (reentry.h) are not sampled.
 *
 * When a record or slot cannot be kept for want of memory, the object is as good as any,
 * and the sample is counted as lost.
 *
 * Context: inside a slow path, no locks held.
 */
#ifndef PERCPU_PROF_SAMPLE_H
#define PERCPU_PROF_SAMPLE_H

#include "node_heap.h"
#include "prof_draw.h"

extern u64 prof_samples_lost; /* atomic */

/*
 * Bytes that the live samples stand for, from the time on that there is a prof_peak_hook: no
 * line of memory is shared by all samples where nobody asks. Below 0 where those from before
 * are freed. Atomic.
 */
extern s64 prof_inuse;

/*
 * A sampled object of @cls for a request of @size bytes aligned to @align; NULL
 * where there is no memory for it, and then an ordinary one will do.
 */
void *prof_malloc(struct node_heap *nh, u32 cls, u64 rate, size_t size, size_t align);

/* An object past the CPU caches, sampled or not; NULL: no memory. */
void *prof_malloc_direct(struct node_heap *nh, u32 cls, size_t size, size_t align);

/* A sampled object is being freed; before its memory can be anyone's. */
void prof_freed(const void *object);
/* The same of a small one, in the span @s. */
void prof_small_freed(const struct span *s, const void *object);

/* Towards the next peak (prof_peak_hook), a sample whose site has counted it. */
struct prof_sample;
void prof_count_taken(const struct prof_sample *sample);
void prof_count_freed(const struct prof_sample *sample);

/* A large object has been made, or resized from @was bytes: it may be sampled. */
void prof_large_made(struct span *s);
void prof_large_resized(struct span *s, u64 was);

#endif
