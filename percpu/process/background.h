/* SPDX-License-Identifier: MIT */
/*
 * background.h - an optional thread of Lane's own (background_thread:true, or
 * stats_file): returns memory of a process that is idle, drains idle CPUs and
 * writes the statistics file. Without it the same is done from slow paths,
 * which an idle process does not run.
 */
#ifndef PERCPU_BACKGROUND_H
#define PERCPU_BACKGROUND_H

/* Start it where LANE_CONF wants it. From the constructor. */
void background_start(void);

/* In a child of fork() the thread is gone: start another. */
void background_after_fork(void);

#endif
