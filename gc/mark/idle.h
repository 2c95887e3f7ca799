/* SPDX-License-Identifier: MIT */
/*
 * idle.h - whether this CPU would be idle without the caller.
 *
 * A worker that could rest yields instead. If that returns at once, nobody else wants the CPU
 * for long. If somebody does, it has lost the CPU for a whole slice of the kernel's, much
 * more than its rest. So after that it does not ask for some rests, for twice as many each time
 * until one answer is better. Who waits for another CPU is not seen; the kernel brings
 * them here in some ms.
 *
 * No thread of the policy SCHED_IDLE is asked, which would be surer: on a busy machine it gets
 * a CPU so late that the end of the process, or an exec, waits long for it to die. Nor
 * are files of /proc read: a program may have forbidden that since it started.
 */
#ifndef GC_IDLE_H
#define GC_IDLE_H

#include "compiler.h"

#define IDLE_LOST_NS 100000ULL /* away for so long: somebody wanted the CPU */
#define IDLE_PAUSE 16u	       /* rests without a question, after the first bad answer */
#define IDLE_PAUSE_MOST 1024u

/* Of one thread; all zero at first. */
struct idle {
	u32 pause; /* rests without a question after the last answer; 0: it was good */
	u32 left;  /* of them still to come */
};

/* What it means that a yield took @lost ns: whether the CPU would be idle. */
static inline bool idle_answer(struct idle *i, u64 lost)
{
	bool idle = lost < IDLE_LOST_NS;

	i->pause = idle ? 0 : clamp(i->pause * 2, IDLE_PAUSE, IDLE_PAUSE_MOST);
	i->left = i->pause;
	return idle;
}

/* Before a rest: whether to go on instead. */
bool idle_but_for_us(struct idle *i);

#endif
