/* SPDX-License-Identifier: MIT */
/*
 * release.h - memory goes back to the system, and caches that nobody uses go
 * back to the heaps. Every tick (100 ms) at most: from slow paths, or from the
 * background thread.
 */
#ifndef PERCPU_RELEASE_H
#define PERCPU_RELEASE_H

#include "compiler.h"

/* Called at the end of slow paths, inside; does a tick where one is due. */
void release_poll(void);

/* A tick at @now (os.now_ms()). */
void release_tick(u64 now);

/* Drain all CPU and transfer caches, so that their spans become free pages. Inside a slow path. */
void release_caches(void);

/* Return up to @bytes to the system now; SIZE_MAX: drain all caches first. Returns bytes. */
u64 release_now(u64 bytes);

/*
 * Pure policy: bytes of a heap's free, backed memory to return at a tick.
 * @free: now; @floor: the least since the last tick, which nobody needed;
 * @in_use: bytes in spans; @dt_ms: since the last tick.
 */
u64 release_want(u64 free, u64 floor, u64 in_use, u64 dt_ms, u64 delay_ms, u64 slack);

#endif
