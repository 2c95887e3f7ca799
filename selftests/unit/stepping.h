/* SPDX-License-Identifier: MIT */
/*
 * stepping.h - code one instruction at a time, and the kernel's part in a
 * restartable sequence.
 *
 * The thread's rseq area is one that the kernel does not know, so nobody
 * restarts a section but the signal handler here, by the descriptor that the section stored
 * in the area. It is as strict about the descriptor as the kernel.
 *
 * A function runs once by single steps, and after each of them the thread's
 * registers and its stack are kept. From every such state it goes on again,
 * several times, as if it had been preempted there: the test says what others did
 * meanwhile. The signal handler has a stack of its own, so that what
 * it interrupts may be put back. xmm registers are not kept: they hold nothing
 * outside of sections, and inside it begins again.
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

/* More steps than any section takes, with its caller's and the loops of its copies. */
#define MAX_STEPS 256u

struct stepping {
	struct rseq_fields *area;
	u32 rounds; /* how often it goes on from each state */
	/* After instruction @n of the first run. */
	void (*at_step)(u32 n);
	/* Preempted there: put back what the function works on, and do what others do. */
	void (*disturb)(u32 n, u32 round);
	/* One run is over; 0 is the first. False: that is enough. */
	bool (*ended)(u32 n, u32 round);
	u32 steps;	   /* instructions of the first run, some around the function among them */
	u32 restarts;	   /* how often it began a section again */
	const char *fault; /* what the kernel would kill the thread for, or debuggers miss */
};

#if defined(__x86_64__) && !defined(LANE_NO_RSEQ)
#define STEPPING 1

#define TRAP_FLAG 0x100
#define RSEQ_SIGNATURE 0x53053053u
static const unsigned char signature_code[] = {0x0f, 0xb9, 0x3d}; /* an instruction with it */

/* From the linker: where debuggers look for the sections. */
extern const u64 __start___rseq_cs_ptr_array[], __stop___rseq_cs_ptr_array[];

/* What of the stack may change, and what lies below it without being pushed. */
#define STACK_BYTES 1024
#define RED_ZONE 128

static struct stepping *stepping;
static struct {
	gregset_t regs;
	char stack[STACK_BYTES];
} states[MAX_STEPS];
static char *stack_end;	 /* of what is kept: in the frame of step_through() */
static u32 at, in_round; /* the run; at 0 the first */
static bool begun;

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
	s->restarts++;
	return d->abort;
}

static void keep_state(const greg_t *regs)
{
	if (++stepping->steps >= MAX_STEPS ||
	    stack_end - (char *)regs[REG_RSP] > STACK_BYTES - RED_ZONE)
		ksft_exit_fail_msg("a section does not end");
	memcpy(states[stepping->steps].regs, regs, sizeof(gregset_t));
	memcpy(states[stepping->steps].stack, stack_end - STACK_BYTES, STACK_BYTES);
	stepping->at_step(stepping->steps);
}

/* Where the next run begins; false where there is none. */
static bool next_run(greg_t *regs)
{
	struct stepping *s = stepping;

	if (!s->ended(at, in_round))
		return false;
	if (at == 0 || ++in_round == s->rounds) {
		in_round = 0;
		at++;
	}
	if (at > s->steps || !s->rounds)
		return false;
	memcpy(regs, states[at].regs, sizeof(gregset_t));
	memcpy(stack_end - STACK_BYTES, states[at].stack, STACK_BYTES);
	s->disturb(at, in_round);
	regs[REG_RIP] = (greg_t)preempt(s, (u64)regs[REG_RIP]);
	regs[REG_EFL] &= ~TRAP_FLAG;
	return true;
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	if (info->si_code != SI_KERNEL) {
		keep_state(regs);
	} else if (!begun) { /* the breakpoint before the function */
		begun = true;
		regs[REG_EFL] |= TRAP_FLAG;
	} else if (!next_run(regs)) { /* the one behind it */
		regs[REG_EFL] &= ~TRAP_FLAG;
	}
}

/* Run @fn so. */
static __noinline void step_through(struct stepping *s, void (*fn)(void))
{
	static char handlers_stack[64 * 1024];
	stack_t stack = {.ss_sp = handlers_stack, .ss_size = sizeof(handlers_stack)};
	struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	stepping = s;
	stack_end = __builtin_frame_address(0);
	at = in_round = 0;
	begun = false;
	sigaltstack(&stack, NULL);
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
