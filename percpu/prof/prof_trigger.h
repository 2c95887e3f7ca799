/* SPDX-License-Identifier: MIT */
/*
 * prof_trigger.h - dumps that nobody calls for: on a signal (prof_signal), at
 * exit (prof_final), and when more is in use than ever before (prof_peak).
 *
 * Who wants a dump sets a bit of trigger.wanted and wakes its futex: that may
 * be done in a signal handler and inside malloc. A thread of Lane's own, all
 * signals blocked, takes the bits and writes. The lock RANK_DUMP is held while it
 * does; the exit takes it for good, so that the process does not end
 * in the midst of a file. No handler takes it.
 *
 * Of the peaks: the hook is called for each rise by a twentieth, and by 1 MiB at
 * least, above the highest so far. A peak is written at once, but no sooner
 * than PEAK_MS after the one before, and then only where the heap is still above
 * what was written: so a file is never of less than the file before it.
 *
 * A child of fork has a thread of its own, and none of its parent's wishes.
 */
#ifndef PERCPU_PROF_TRIGGER_H
#define PERCPU_PROF_TRIGGER_H

/* Handler, hook and thread, as far as LANE_CONF wants them. From the constructor. */
void prof_trigger_start(void);

/* In a child of fork(), when all locks are free again. */
void prof_trigger_after_fork(void);

/* The process ends: let a dump that is under way come to its end, and write the last one. */
void prof_trigger_exit(void);

#endif
