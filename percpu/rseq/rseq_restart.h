/* SPDX-License-Identifier: MIT */
/*
 * rseq_restart.h - does the kernel restart a section that it has preempted?
 *
 * On arm64, Linux 6.19 to 7.0.x let a thread that was preempted and then runs on,
 * on the same CPU, finish its section: two threads change one cache, and an
 * object gets two owners. Some 7.0.x have the repair, so the version says where
 * to look, and a trial decides:
 *
 *	we			pinned to the CPU that we are on
 *	a process beside us	shares our memory, runs on the same CPU
 *	we			spin in a section, which says that we are inside
 *	the process		sees that, so it has preempted us there: go = 1
 *	we			run on. Restarted: the section has begun twice.
 *				Not restarted: it sees go in its first run.
 *
 * All signals are blocked meanwhile, so that no handler runs in that process. It
 * takes as long as the scheduler lets us run on, some ms at most, and is made on
 * those kernels only.
 */
#ifndef PERCPU_RSEQ_RESTART_H
#define PERCPU_RSEQ_RESTART_H

#include "compiler.h"

enum rseq_restart {
	RSEQ_RESTARTS,
	RSEQ_RESTARTS_NOT,
	RSEQ_RESTART_UNSEEN, /* nobody preempted us, or the system refused */
};

/* A kernel of this release (as from uname(2)) may fail to restart sections; arm64 only. */
bool rseq_restart_suspect(const char *release);

/* The trial, for an area @area bytes from the thread pointer. Not from two threads at once. */
enum rseq_restart rseq_restart_try(s64 area);

/*
 * NULL where sections may be relied upon, else why not (mode_reason). The answer
 * of the first call, at the first malloc, is kept.
 */
const char *rseq_restart_refusal(s64 area);

/* What tests may change; zeroes in use. */
struct rseq_restart_test {
	bool suspect;	   /* any kernel */
	bool unregistered; /* spin in an area that the kernel does not know: the broken twin */
};
extern struct rseq_restart_test rseq_restart_test;

#endif
