// SPDX-License-Identifier: MIT
/*
 * blocking.c - a thread steps out of the collector's sight for a long call.
 *
 * What its registers hold at that moment may be all that refers to an object, and the
 * call will move them anywhere. So they are stored with the thread; the stack from the
 * caller's frame on stays as it is. C cannot store registers that its own compiler may
 * have used by then, hence the few instructions in front.
 */
#include "backoff.h"
#include "threads.h"

#if defined(__x86_64__)
#define SAVED_REGS 6
__asm__(".pushsection .text\n"
	".globl lane_gc_enter_blocking\n"
	".type lane_gc_enter_blocking, @function\n"
	"lane_gc_enter_blocking:\n"
	"pushq %rbx\n"
	"pushq %rbp\n"
	"pushq %r12\n"
	"pushq %r13\n"
	"pushq %r14\n"
	"pushq %r15\n"
	"movq %rsp, %rdi\n"
	"subq $8, %rsp\n"
	"call gc_entered_blocking\n"
	"addq $56, %rsp\n"
	"ret\n"
	".size lane_gc_enter_blocking, . - lane_gc_enter_blocking\n"
	".popsection\n");
#elif defined(__aarch64__)
#define SAVED_REGS 20
__asm__(".pushsection .text\n"
	".globl lane_gc_enter_blocking\n"
	".type lane_gc_enter_blocking, @function\n"
	"lane_gc_enter_blocking:\n"
	"stp x29, x30, [sp, #-160]!\n"
	"stp x19, x20, [sp, #16]\n"
	"stp x21, x22, [sp, #32]\n"
	"stp x23, x24, [sp, #48]\n"
	"stp x25, x26, [sp, #64]\n"
	"stp x27, x28, [sp, #80]\n"
	/* A compiler may keep a pointer there, too. */
	"stp d8, d9, [sp, #96]\n"
	"stp d10, d11, [sp, #112]\n"
	"stp d12, d13, [sp, #128]\n"
	"stp d14, d15, [sp, #144]\n"
	"mov x0, sp\n"
	"bl gc_entered_blocking\n"
	"ldp x29, x30, [sp], #160\n"
	"ret\n"
	".size lane_gc_enter_blocking, . - lane_gc_enter_blocking\n"
	".popsection\n");
#endif

BUILD_BUG_ON(SAVED_REGS > ARRAY_SIZE(((struct gc_thread *)0)->regs));

void gc_entered_blocking(const uintptr_t *saved);

/* @saved: callee-saved registers, at the top of the stack as the caller sees it. */
__attribute__((used)) void gc_entered_blocking(const uintptr_t *saved)
{
	struct gc_thread *t = thread_self("blocking call");

	if (!t)
		return;
	for (u32 i = 0; i < SAVED_REGS; i++)
		t->regs[i] = saved[i];
	t->sp = (uintptr_t)(saved + SAVED_REGS);
	smp_store_release(&t->state, GC_BLOCKED); /* pairs with copy_blocked() in stack.c */
}

LANE_API void lane_gc_leave_blocking(void)
{
	struct gc_thread *t = gc_self;
	u32 turn = 0;

	if (!t)
		return;
	/* A full barrier; pairs with the end of copy_blocked(). */
	while (atomic_cmpxchg(&t->state, GC_BLOCKED, GC_RUNNING) == GC_COPYING)
		backoff(&turn);
}
