/* SPDX-License-Identifier: MIT */
/*
 * idle.h - whether this CPU would be idle without the caller.
 *
 * The kernel counts how often it took the CPU from a thread that wanted to go on, also where that
 * yielded and another one was there. Where it has not, nobody else wanted the CPU. It
 * knows nothing of who waits for another CPU; the kernel brings them here in some ms.
 *
 * No thread of the policy SCHED_IDLE is asked, which would be surer: on a busy machine it gets
 * a CPU so late that the end of the process, or an exec, waits a second for it to die.
 */
#ifndef GC_IDLE_H
#define GC_IDLE_H

#include "compiler.h"

/*
 * Yield; then whether nobody else has run since the call before. @switches: zero before the
 * first call, of one thread.
 */
bool idle_but_for_us(u64 *switches);

#endif
