/* SPDX-License-Identifier: MIT */
/*
 * cpu_cache.h - malloc and free of small objects where the fast path gave up:
 * the block is empty or full, in an old generation, not there yet, or stopped.
 *
 * Context: inside a slow path (slow_path.h), no locks held.
 */
#ifndef PERCPU_CPU_CACHE_H
#define PERCPU_CPU_CACHE_H

#include "compiler.h"

/*
 * An object of @cls, or NULL where there is no memory. A sampled one (prof_sample.h)
 * may be a guarded one, which needs to know what was asked for.
 */
void *cpu_cache_malloc(u32 cls, size_t size, size_t align);

/* Take @obj of @cls back; @home is where it lies. */
void cpu_cache_free(void *obj, u32 cls, u32 home);

/* Take @n objects that were counted as freed before (quarantine.h), as a batch. */
void cpu_cache_put(void **objs, u32 n, u32 cls, u32 home);

/*
 * The same without a slow path: as many as the block takes as it is, which is returned.
 * None of another home than the CPU's own. Not in lock mode.
 */
u32 cpu_cache_try_put(void **objs, u32 n, u32 cls, u32 home);

#endif
