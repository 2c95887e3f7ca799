/* SPDX-License-Identifier: MIT */
/*
 * prof_stack.h - the call stack of an allocation, by frame pointers.
 *
 * It is read from the calling thread's own memory: no lock, no allocation, no
 * system call, and no address that might not be mapped. For that the bounds of the
 * stack must be known. A thread of the C library's has them in its descriptor, in
 * the words stackblock and stackblock_size. Where these lie is found at start: the
 * main thread's say 0 and __libc_stack_end. Each use checks that they enclose both
 * the thread pointer and the frame. Where they do not (a coroutine, an alternate
 * signal stack, a thread of clone(2)'s), only frames in the page of the call are
 * followed.
 *
 * Frames of Lane's own are left out, where it is a library of its own; in the
 * static archive they stay.
 *
 * The first frame is always right. Behind it a function that was compiled without
 * frame pointers may have left anything in the register, and what the walk then
 * finds is a word of the stack; readers cut at what is no code (prof.h).
 *
 * Context: any, also a signal handler and a thread without rseq.
 */
#ifndef PERCPU_PROF_STACK_H
#define PERCPU_PROF_STACK_H

#include "compiler.h"
#include "prof.h"

struct prof_stack {
	u32 depth; /* frames */
	uintptr_t pc[PROF_FRAMES];
};

/* Once, on the main thread; without it only the page of the call is looked at. */
void prof_stack_init(void);

/* Where the calling thread's stack lies, by its descriptor; false: not known. */
bool prof_stack_bounds(uintptr_t *low, uintptr_t *base);

/* The stack of the caller of Lane. */
void prof_stack_capture(struct prof_stack *stack);

/* Whether @pc lies in Lane's own code; false throughout in the static archive. */
bool prof_stack_is_own(uintptr_t pc);

#endif
