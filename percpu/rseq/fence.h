/* SPDX-License-Identifier: MIT */
/*
 * fence.h - membarrier(2) for restartable sequences.
 *
 * When rseq_fence() returns, every section of this process that was in flight
 * has committed or will restart before its next instruction, and every running
 * thread has executed a full barrier. Needs Linux 5.10. About 0.1 us where no
 * other CPU runs the process, an interrupt's round trip where one does.
 */
#ifndef PERCPU_FENCE_H
#define PERCPU_FENCE_H

#include "compiler.h"

/* Register the process; before threads exist, as it is slow later. 0 or -errno. */
int rseq_fence_register(void);

/*
 * Only after rseq_fence_register() succeeded. False where the call that worked
 * at start is refused now (a filter installed since): then no lane can be
 * stopped any more, and snapshots may miss operations in flight. Said once on
 * stderr, and in heapinfo (fence).
 */
bool rseq_fence(void);

/* Whether rseq_fence() was ever refused. */
extern bool fence_refused;

#endif
