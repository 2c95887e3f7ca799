/* SPDX-License-Identifier: MIT */
/*
 * background.h - an optional thread of Lane's own (background_thread:true, stats_file, or a
 * collected heap, which has threads anyway): returns memory, also of a process that is idle, drains
 * idle CPUs and writes the statistics file. Without it the same is done from slow paths, which an
 * idle process does not run; a busy one waits there for the system calls, milliseconds where the
 * kernel is at work on its address space.
 */
#ifndef PERCPU_BACKGROUND_H
#define PERCPU_BACKGROUND_H

/*
 * Start it where LANE_CONF wants it; where one was started for a collected heap before LANE_CONF
 * was read, that goes on, or ends. From the constructor.
 */
void background_start(void);

/* Start it for a collected heap, unless LANE_CONF says no. Under a lock of the caller's. */
void background_start_for_gc(void);

/* In a child of fork() the thread is gone: start another. */
void background_after_fork(void);

#endif
