/* SPDX-License-Identifier: MIT */
/*
 * signal_frame.h - what the kernel leaves unwritten in the frame of a signal handler.
 *
 * The frame holds all registers, so that a thread's handler shows them with its stack.
 * But it has room for more than the kernel stores: components of the processor's state
 * lie at fixed places, and those that a processor does not have are holes, as is the rest
 * of arm64's 4 KiB, and of its 128 bytes for a signal mask. There lies what earlier calls left,
 * whole arrays of references among it, which a conservative look at the stack would keep alive.
 * Nobody reads the holes: they may be cleared.
 */
#ifndef GC_SIGNAL_FRAME_H
#define GC_SIGNAL_FRAME_H

#include <ucontext.h>

#include "compiler.h"

/* Once, before the first of the other. */
void signal_frame_init(void);

/* Clear the holes in the frame of @uc. Context: the handler that @uc was given to. */
void signal_frame_clear(ucontext_t *uc);

#endif
