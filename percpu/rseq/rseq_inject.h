/* SPDX-License-Identifier: MIT */
/*
 * rseq_inject.h - test points between the instructions of the restartable
 * sequences; in the test build only (rseq_ops.h).
 *
 * Each section has a struct rseq_inject of its own, and its points are numbered
 * from 1. A thread that comes to point n of a section
 *
 *	traps	 where trap == n: the signal aborts the section, and the
 *		 handler may do what it likes before the section starts again;
 *	spins	 while hold == n: a thread inside a section for as long as the
 *		 test wants. What preempts it or fences makes it start again,
 *		 and then it comes to the point again.
 *
 * seen says that a thread has come to the point. Nothing else is written, and
 * condition flags are dead at every point. On x86 all is compared in memory, so
 * no register is needed. On arm64 one is: an input that no one else uses and
 * that each point may overwrite.
 */
#ifndef PERCPU_RSEQ_INJECT_H
#define PERCPU_RSEQ_INJECT_H

#include "compiler.h"

enum rseq_section {
	SECTION_POP,
	SECTION_PUSH,
	SECTION_ROLL,
	SECTION_REFILL,
	SECTION_FLUSH,
	SECTION_ARM
};
#define NR_SECTIONS 6u

struct rseq_inject {
	u32 trap; /* point; 0 = none */
	u32 hold; /* likewise */
	u32 seen; /* last point trapped or held at */
};
BUILD_BUG_ON(offsetof(struct rseq_inject, hold) != 4);
BUILD_BUG_ON(offsetof(struct rseq_inject, seen) != 8);

/* One array for all files that include this. */
__attribute__((weak, visibility("hidden"))) struct rseq_inject rseq_inject[NR_SECTIONS];

/* By the name of the function that holds the section. */
static __always_inline u32 rseq_inject_section(const char *function)
{
	switch (function[5]) {
	case 'p':
		return function[6] == 'o' ? SECTION_POP : SECTION_PUSH;
	case 'r':
		return function[6] == 'o' ? SECTION_ROLL : SECTION_REFILL;
	case 'f':
		return SECTION_FLUSH;
	default:
		return SECTION_ARM;
	}
}

#if defined(__x86_64__)

#define RSEQ_INJECT_INPUT                                                                          \
	, [inject_trap] "m"(rseq_inject[rseq_inject_section(__func__)].trap),                      \
		[inject_hold] "m"(rseq_inject[rseq_inject_section(__func__)].hold),                \
		[inject_seen] "m"(rseq_inject[rseq_inject_section(__func__)].seen)

#define RSEQ_INJECT(n)                                                                             \
	"cmpl $" #n ", %[inject_trap]\n"                                                           \
	"jne 71f\n"                                                                                \
	"movl $" #n ", %[inject_seen]\n"                                                           \
	"int3\n"                                                                                   \
	"71:\n"                                                                                    \
	"cmpl $" #n ", %[inject_hold]\n"                                                           \
	"jne 73f\n"                                                                                \
	"movl $" #n ", %[inject_seen]\n"                                                           \
	"72:\n"                                                                                    \
	"pause\n"                                                                                  \
	"cmpl $" #n ", %[inject_hold]\n"                                                           \
	"je 72b\n"                                                                                 \
	"73:\n"

#elif defined(__aarch64__)

/* A value that no other operand has, so a register that no other operand is in. */
static __always_inline u64 rseq_inject_scratch(void)
{
	u64 v;

	__asm__ __volatile__("" : "=r"(v) : "0"(0UL));
	return v;
}

#define RSEQ_INJECT_INPUT                                                                          \
	, [inject] "r"(&rseq_inject[rseq_inject_section(__func__)]),                               \
		[inject_x] "r"(rseq_inject_scratch())

#define RSEQ_INJECT(n)                                                                             \
	"ldr %w[inject_x], [%[inject]]\n"                                                          \
	"cmp %w[inject_x], #" #n "\n"                                                              \
	"b.ne 71f\n"                                                                               \
	"str %w[inject_x], [%[inject], #8]\n"                                                      \
	"brk #0x1ace\n"                                                                            \
	"71:\n"                                                                                    \
	"ldr %w[inject_x], [%[inject], #4]\n"                                                      \
	"cmp %w[inject_x], #" #n "\n"                                                              \
	"b.ne 73f\n"                                                                               \
	"str %w[inject_x], [%[inject], #8]\n"                                                      \
	"72:\n"                                                                                    \
	"yield\n"                                                                                  \
	"ldr %w[inject_x], [%[inject], #4]\n"                                                      \
	"cmp %w[inject_x], #" #n "\n"                                                              \
	"b.eq 72b\n"                                                                               \
	"73:\n"

#else
#define RSEQ_INJECT_INPUT
#define RSEQ_INJECT(n)
#endif

#endif
