/* SPDX-License-Identifier: MIT */
/*
 * stepping.h - code one instruction at a time, and the kernel's part in a
 * restartable sequence.
 *
 * The thread's rseq area is one that the kernel does not know (struct stepping),
 * so nobody restarts a section; the handler of the single step does, by the
 * descriptor that the section stored there, where the test asks for it. It is as
 * strict about the descriptor as the kernel. So a test can say before which
 * instruction a thread was preempted, and what others did meanwhile.
 *
 * x86-64 only: STEPPING says whether it can be done.
 */
#ifndef LANE_UNIT_STEPPING_H
#define LANE_UNIT_STEPPING_H

#include "unit.h"

#include <signal.h>
#include <ucontext.h>

/* struct rseq of the kernel's ABI. */
struct rseq_fields {
	u32 cpu_id_start;
	s32 cpu_id;
	u64 cs;
	u32 flags;
	u32 node_id;
	u32 mm_cid;
	u32 pad;
} __aligned_to(32);

struct rseq_descriptor {
	u32 version;
	u32 flags;
	u64 start;
	u64 length;
	u64 abort;
};

/* More steps than any section takes. */
#define MAX_STEPS 20000u

struct stepping {
	struct rseq_fields *area;
	void (*at_step)(void); /* after each instruction; may be NULL */
	void (*disturb)(void); /* once, where it stops */
	u32 stop_at;	       /* instruction; 0: nowhere */
	u32 steps;	       /* instructions so far, the caller's own among them */
	bool begun;
	bool restarted;	   /* it was inside a section, and began that again */
	const char *fault; /* what the kernel would kill the thread for, or debuggers miss */
};

#if defined(__x86_64__) && !defined(LANE_NO_RSEQ)
#define STEPPING 1

#define TRAP_FLAG 0x100
#define RSEQ_SIGNATURE 0x53053053u
static const unsigned char signature_code[] = {0x0f, 0xb9, 0x3d}; /* an instruction with it */

/* From the linker: where debuggers look for the sections. */
extern const u64 __start___rseq_cs_ptr_array[], __stop___rseq_cs_ptr_array[];

static struct stepping *stepping;

static const char *descriptor_fault(const struct rseq_descriptor *d)
{
	const u64 *p = __start___rseq_cs_ptr_array;
	u32 signature;

	memcpy(&signature, (const char *)(uintptr_t)d->abort - 4, sizeof(signature));
	while (p < __stop___rseq_cs_ptr_array && *p != (uintptr_t)d)
		p++;
	if (d->version || d->flags)
		return "a descriptor has a version or flags";
	if (signature != RSEQ_SIGNATURE)
		return "an abort handler has no signature";
	if (d->abort - d->start < d->length)
		return "an abort handler lies in its section";
	if (memcmp((const char *)(uintptr_t)d->abort - 7, signature_code, 3))
		return "a signature is no instruction";
	if ((uintptr_t)d % sizeof(*d))
		return "a descriptor is not aligned";
	return p == __stop___rseq_cs_ptr_array ? "debuggers do not find a descriptor" : NULL;
}

/* Preempted before the instruction at @ip: where the thread goes on. */
static u64 preempt(struct stepping *s, u64 ip)
{
	const struct rseq_descriptor *d = (const void *)(uintptr_t)s->area->cs;

	s->area->cs = 0;
	if (!d)
		return ip;
	if (!s->fault)
		s->fault = descriptor_fault(d);
	if (ip - d->start >= d->length || s->fault)
		return ip;
	s->restarted = true;
	return d->abort;
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct stepping *s = stepping;

	(void)sig;
	if (info->si_code == SI_KERNEL) { /* the breakpoint at the beginning, or at the end */
		regs[REG_EFL] = s->begun ? regs[REG_EFL] & ~TRAP_FLAG : regs[REG_EFL] | TRAP_FLAG;
		s->begun = true;
		return;
	}
	if (s->at_step)
		s->at_step();
	if (++s->steps == MAX_STEPS)
		ksft_exit_fail_msg("a section does not end");
	if (s->steps != s->stop_at)
		return;
	s->disturb();
	regs[REG_EFL] &= ~TRAP_FLAG;
	regs[REG_RIP] = (greg_t)preempt(s, (u64)regs[REG_RIP]);
}

/* Run @fn so; with a fault in it, that is in @s->fault. */
static inline void step_through(struct stepping *s, void (*fn)(void))
{
	struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};

	stepping = s;
	sigaction(SIGTRAP, &sa, NULL);
	__asm__ __volatile__("int3" : : : "memory");
	fn();
	__asm__ __volatile__("int3" : : : "memory");
}
#else
#define STEPPING 0

static inline void step_through(struct stepping *s, void (*fn)(void))
{
	(void)s;
	fn();
}
#endif

#endif /* LANE_UNIT_STEPPING_H */
