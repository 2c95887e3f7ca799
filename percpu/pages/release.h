/* SPDX-License-Identifier: MIT */
/*
 * release.h - memory goes back to the system, and caches that nobody uses go
 * back to the heaps; sparse classes are packed (pack.h), and huge pages that were
 * split become whole again (page_heap.h). At a tick, every 100 ms at most: from slow paths, or from
 * the background thread. And from the free() that leaves too much free memory,
 * where no thread will tick. How much: release_pace.h.
 */
#ifndef PERCPU_RELEASE_H
#define PERCPU_RELEASE_H

#include "compiler.h"

/*
 * Called at the end of slow paths, inside; does a tick where one is due. Not all
 * look at the clock, but those of @large objects do: they move much memory.
 */
void release_poll(bool large);

/* A tick at @now (os.now_ms()). */
void release_tick(u64 now);

/* Drain all CPU and transfer caches, so that their spans become free pages. Inside a slow path. */
void release_caches(void);

/* Return up to @bytes to the system now; SIZE_MAX: drain all caches first. Returns bytes. */
u64 release_now(u64 bytes);

/* A background thread ticks; no free() releases what it leaves beyond the allowance. */
extern bool release_threaded;

#endif
