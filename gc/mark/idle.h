/* SPDX-License-Identifier: MIT */
/*
 * idle.h - whether there is a CPU that nobody wants.
 *
 * A thread of the policy SCHED_IDLE is woken, and has run: then there was one. Where
 * other threads want all CPUs it runs next to never, and as it holds nothing nobody waits for
 * it. Workers themselves must not have that policy: a marker that lost its CPU would hold
 * up the end of marking, and without privileges nothing leads back from it. The kernel
 * knows of affinity, cpusets and quotas; figures of /proc would not.
 */
#ifndef GC_IDLE_H
#define GC_IDLE_H

#include "compiler.h"

/* Start that thread. Where there can be none, or it may not have its policy, no CPU is ever idle.
 */
void idle_start(void);

/* Wait until there is such a CPU, for @ns at most. One thread of the process. */
void idle_wait(u64 ns);

#endif
