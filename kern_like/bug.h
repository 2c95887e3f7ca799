/* SPDX-License-Identifier: MIT */
/*
 * bug.h - messages and the end of the process, without stdio and malloc.
 *
 * Context: anywhere, also a signal handler and with locks held.
 */
#ifndef KERN_BUG_H
#define KERN_BUG_H

#include "compiler.h"

/* One line on stderr, "lane: " before it and a newline after, by a single write(2). */
void pr_err(const char *fmt, ...) __printf(1, 2);

/* pr_err(), then abort(). */
void panic(const char *fmt, ...) __printf(1, 2) __attribute__((noreturn)) __cold;

/*
 * This thread's table of descriptors is not that of the process' first thread, whose stderr it is.
 * Written by the thread itself.
 */
extern __thread bool bug_stderr_elsewhere __attribute__((tls_model("initial-exec")));

/* Whether what such a thread says arrives: by calls that the kernel lacks, or a filter refuses. */
bool bug_can_fetch_stderr(void);

/* A state that cannot be: the books or the heap are corrupt. */
#define BUG_ON(cond)                                                                               \
	do {                                                                                       \
		if (unlikely(cond))                                                                \
			panic("internal error at %s:%d: %s", __FILE__, __LINE__, #cond);           \
	} while (0)

/* Invariants that only debug builds pay for. */
#ifdef LANE_DEBUG
#define DEBUG_BUG_ON(cond) BUG_ON(cond)
#else
#define DEBUG_BUG_ON(cond) ((void)sizeof(cond))
#endif

#endif
