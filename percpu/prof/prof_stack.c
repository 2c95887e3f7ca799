// SPDX-License-Identifier: MIT
#include "prof_stack.h"

#include "os.h"
#include "space.h"

#define DESCRIPTOR_BYTES                                                                           \
	2048 /* of a thread's descriptor looked through, beside the thread pointer */
#define MAIN_STACK                                                                                 \
	(128ULL << 20)	       /* the kernel maps nothing this close below a main thread's stack */
#define CODE_MIN (64ULL << 10) /* no code lies below */
#define CODE_MAX (1ULL << 48)  /* nor above */
#define OWN_MAX 32	       /* frames of Lane's own, at most */

/* Where the initial stack begins; from the dynamic linker. */
extern void *__libc_stack_end __attribute__((weak));

/* Ends of Lane's code; the second one is made by the shared library's link alone (Makefile). */
extern const char __ehdr_start[] __attribute__((weak, visibility("hidden")));
extern const char lane_text_end[] __attribute__((weak, visibility("hidden")));

/* Bytes from the thread pointer to the descriptor's stackblock; 0: not found. */
static ptrdiff_t stackblock_at;

static __no_sanitize uintptr_t descriptor_word(ptrdiff_t at)
{
	return *(const volatile uintptr_t *)((const char *)__builtin_thread_pointer() + at);
}

/* What may be read: x86-64's descriptor begins at the thread pointer, arm64's ends there. */
static bool readable(ptrdiff_t at)
{
	uintptr_t p = (uintptr_t)__builtin_thread_pointer() + (uintptr_t)at, word;

	/* It may begin where a mapping does, after fewer bytes than are looked through. */
	return ALIGN_DOWN(p + sizeof(p), os_page_size) == ALIGN_DOWN(p, os_page_size) ||
	       !os.peek(&word, p, sizeof(word));
}

void prof_stack_init(void)
{
	const ptrdiff_t word = sizeof(uintptr_t);
#if defined(__aarch64__)
	const ptrdiff_t step = -word, from = -3 * word;
#else
	const ptrdiff_t step = word, from = word;
#endif

	if (!&__libc_stack_end || !__libc_stack_end)
		return;
	for (ptrdiff_t at = from; at < DESCRIPTOR_BYTES - word && at >= -DESCRIPTOR_BYTES;
	     at += step) {
		if (step < 0 && !readable(at))
			return;
		if (descriptor_word(at) == 0 &&
		    descriptor_word(at + word) == (uintptr_t)__libc_stack_end)
			stackblock_at = at;
	}
}

bool prof_stack_is_own(uintptr_t pc)
{
	return lane_text_end &&
	       pc - (uintptr_t)__ehdr_start < (uintptr_t)lane_text_end - (uintptr_t)__ehdr_start;
}

bool prof_stack_bounds(uintptr_t *low, uintptr_t *base)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), size;

	if (!stackblock_at)
		return false;
	*low = descriptor_word(stackblock_at);
	size = descriptor_word(stackblock_at + (ptrdiff_t)sizeof(*low));
	*base = *low + size;
	if (!*low && size == (uintptr_t)__libc_stack_end)
		*low = *base - MAIN_STACK;
	return here >= *low && here < *base;
}

/* The address behind the last byte that is sure to be mapped above the frame @fp. */
static uintptr_t stack_limit(uintptr_t fp)
{
	uintptr_t tp = (uintptr_t)__builtin_thread_pointer(), low, size;

	if (stackblock_at) {
		low = descriptor_word(stackblock_at);
		size = descriptor_word(stackblock_at + (ptrdiff_t)sizeof(low));
		if (low && fp >= low && fp < tp && tp - low <= size)
			return tp; /* the descriptor lies at the top of the stack */
		if (!low && size == (uintptr_t)__libc_stack_end && fp < size &&
		    size - fp < MAIN_STACK)
			return size;
	}
	return ALIGN_DOWN(fp, os_page_size) + os_page_size;
}

/*
 * False for what is surely no code: small numbers, addresses of the stack from @frame
 * to @limit, of Lane's heap, or none of a program's. It spares many sites that differ
 * in such words alone.
 */
static bool may_be_code(uintptr_t pc, uintptr_t frame, uintptr_t limit)
{
	return pc >= CODE_MIN && pc < CODE_MAX && pc - frame >= limit - frame &&
	       pc - space.base >= space.nr_homes * space.home_bytes;
}

__noinline __no_sanitize void prof_stack_capture(struct prof_stack *stack)
{
	const uintptr_t *frame = __builtin_frame_address(0);
	uintptr_t limit, next;
	u32 n = 0;

	/* Ours all have frame pointers. */
	for (int i = 0; i < OWN_MAX && prof_stack_is_own(frame[1]); i++)
		frame = (const uintptr_t *)frame[0];
	limit = stack_limit((uintptr_t)frame);
	while (!n || may_be_code(frame[1], (uintptr_t)frame, limit)) {
		stack->pc[n++] = frame[1];
		next = frame[0];
		if (n == PROF_FRAMES || next <= (uintptr_t)frame || next % sizeof(next) ||
		    next > limit - 2 * sizeof(next))
			break;
		frame = (const uintptr_t *)next;
	}
	stack->depth = n;
}
