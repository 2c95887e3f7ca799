// SPDX-License-Identifier: MIT
/*
 * guard_report.c - what a program that touched a guarded object wrongly dies with:
 * one line that says what it did, then where the object was allocated and freed.
 *
 * Context: a signal handler, on a stack that may be small. No lock, no allocation.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bug.h"
#include "guard.h"
#include "guard_module.h"
#include "os.h"

static struct sigaction previous; /* of SIGSEGV, as guard_report_init() found it */

static void print_stack(const char *what, const struct prof_stack *stack)
{
	static struct guard_module m;

	if (!stack->depth)
		return;
	pr_err("%s:", what);
	for (u32 i = 0; i < stack->depth; i++) {
		void *pc = (void *)stack->pc[i];

		/* A word that is no code: the frame pointers ended before. */
		if (!guard_module_find(&m, stack->pc[i]))
			break;
		pr_err("  #%u %p %s+%p", i, pc, m.path[0] ? m.path : "?",
		       (void *)(stack->pc[i] - m.start + m.offset));
	}
}

static void print_stacks(const struct guard_slot *s)
{
	print_stack("allocated by", &s->allocated);
	print_stack("freed by", &s->freed);
}

void guard_report_double_free(const struct guard_slot *slot, const void *p)
{
	pr_err("double free of %p", p);
	print_stacks(slot);
	abort();
}

static void report_access(uintptr_t at)
{
	const struct guard_slot *s = guard_slot_of(at);
	uintptr_t object = s->object, end = object + s->size;

	if (READ_ONCE(s->state) == GUARD_UNUSED)
		pr_err("access to %p, beside no guarded object", (void *)at);
	else if (READ_ONCE(s->state) == GUARD_FREED)
		pr_err("access to %p after the %u bytes at %p were freed", (void *)at, s->size,
		       (void *)object);
	else if (at >= end)
		pr_err("access to %p, %zu bytes behind the end of the %u bytes at %p", (void *)at,
		       (size_t)(at - end), s->size, (void *)object);
	else
		pr_err("access to %p, %zu bytes before the %u bytes at %p", (void *)at,
		       (size_t)(object - at), s->size, (void *)object);
	print_stacks(s);
}

/* What is nobody's object, as if this handler were not there. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	const bool sent = info->si_code <= 0; /* by somebody; a fault comes again by itself */
	bool own = previous.sa_flags & SA_SIGINFO ||
		   (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN);

	if (sent && !own && previous.sa_handler == SIG_IGN)
		return;
	if (!own || previous.sa_flags & SA_RESETHAND)
		signal(sig, SIG_DFL);
	if (own && previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(sig, info, context);
	else if (own)
		previous.sa_handler(sig);
	else if (sent)
		raise(sig);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	int saved_errno = errno;

	/* A signal that somebody sent has no address. */
	if (info->si_code > 0 && guard_has(info->si_addr)) {
		report_access((uintptr_t)info->si_addr);
		signal(sig, SIG_DFL); /* the access is done again, and ends the process */
	} else {
		pass_on(sig, info, context);
	}
	errno = saved_errno;
}

void guard_report_init(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault};

	/* Other threads may fault from the moment that it is in place. */
	os.sigaction(SIGSEGV, NULL, &previous);
	sa.sa_mask = previous.sa_mask;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK | (previous.sa_flags & (SA_NODEFER | SA_RESTART));
	os.sigaction(SIGSEGV, &sa, NULL);
}
