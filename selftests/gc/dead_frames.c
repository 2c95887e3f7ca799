// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * References that functions left below the stack pointer when they returned keep nothing
 * alive, although the frame of the signal that asks for the stack is laid over them. What does
 * is said by name: a second signal, whose frame lies where the first one's did, looks for
 * them. In registers there are none, for the thread has cleared them. A thread that asks for
 * the collection itself has none below its frames either.
 */
#include <signal.h>
#include <ucontext.h>

#include "nodes.h"

#define LEFT 600 /* references; more than the largest frame has words on most machines */

#if defined(__x86_64__)
#define RED_ZONE 16u /* words below the stack pointer that count as the thread's */
#define ALIGNED 9u   /* words that the kernel leaves: 7 above the vectors' state, 2 below */
#else
#define RED_ZONE 0u
#define ALIGNED 0u
#endif

/* Of the stack, from the frame of the signal upwards. */
enum part { REGISTERS, BELOW_STATE, STATE, ABOVE_STATE, BELOW_SP, THREADS, PARTS };

static const char *const part_names[PARTS] = {
	"registers and the signal's own words",
	"between the frame and the vectors' state",
	"the vectors' state",
	"between the vectors' state and the red zone",
	"the red zone",
	"the thread's frames",
};

static _Atomic bool ready, stop, looked;
static uintptr_t hidden[LEFT]; /* addresses, turned over: no references */
static bool found[LEFT];
static unsigned int in_part[PARTS];
static unsigned int elsewhere[8],
	nr_elsewhere;  /* words from the frame's begin, of the first ones */
static uintptr_t base; /* of the thread's stack that is looked at */

static __attribute__((noinline)) void leave_behind(void)
{
	void *volatile left[LEFT];

	for (int i = 0; i < LEFT; i++) {
		left[i] = lane_gc_alloc_noscan(48);
		hidden[i] = ~(uintptr_t)left[i];
	}
	opaque((void *)left[LEFT - 1]);
}

/* Inlined: a function would give back to its caller what that had in them. */
#if defined(__x86_64__)
static inline __attribute__((always_inline)) void clear_registers(void)
{
	if (__builtin_cpu_supports("avx512f"))
		asm volatile(".irp n,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
			     "vpxorq %%zmm\\n, %%zmm\\n, %%zmm\\n\n"
			     ".endr" ::
				     : "memory");
	if (__builtin_cpu_supports("avx"))
		asm volatile("vzeroall" ::: "memory");
	asm volatile(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		     "pxor %%xmm\\n, %%xmm\\n\n"
		     ".endr\n"
		     ".irp r,rax,rbx,rcx,rdx,rsi,rdi,r8,r9,r10,r11,r12,r13,r14,r15\n"
		     "xor %%\\r, %%\\r\n"
		     ".endr" ::
			     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			       "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
			       "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
			       "xmm13", "xmm14", "xmm15", "cc", "memory");
}
#else
static inline __attribute__((always_inline)) void clear_registers(void)
{
	asm volatile(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,"
		     "26,27,28,29,30,31\n"
		     "movi v\\n\\().2d, #0\n"
		     ".endr\n"
		     ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,19,20,21,22,23,24,25,26,"
		     "27,28,30\n"
		     "mov x\\n, #0\n"
		     ".endr" ::
			     : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
			       "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x19", "x20", "x21",
			       "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1",
			       "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12",
			       "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22",
			       "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",
			       "memory");
}
#endif

/* Runs on without a call, so that nothing but the kernel writes there. */
static void *sit(void *arg)
{
	(void)arg;
	base = (uintptr_t)__builtin_frame_address(0) + 256;
	leave_behind();
	clear_registers();
	atomic_store(&ready, true);
	while (!atomic_load(&stop))
		;
	return NULL;
}

static enum part part_of(uintptr_t at, siginfo_t *info, ucontext_t *uc)
{
#if defined(__x86_64__)
	uintptr_t sp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
	uintptr_t state = (uintptr_t)uc->uc_mcontext.fpregs;
	uint32_t bytes;

	memcpy(&bytes, (char *)state + 468, sizeof(bytes)); /* what the kernel says it stored */
	if (at < (uintptr_t)(info + 1))
		return REGISTERS;
	if (at < state)
		return BELOW_STATE;
	if (at < state + bytes)
		return STATE;
	if (at < sp - RED_ZONE * 8)
		return ABOVE_STATE;
#else
	uintptr_t sp = (uintptr_t)uc->uc_mcontext.sp;

	(void)info;
	if (at < (uintptr_t)uc->uc_mcontext.__reserved)
		return REGISTERS;
	if (at < sp)
		return STATE;
#endif
	return at < sp ? BELOW_SP : THREADS;
}

static void look(int sig, siginfo_t *info, void *context)
{
	const uintptr_t *from = context;

	(void)sig;
	for (const uintptr_t *at = from; (uintptr_t)at < base; at++) {
		for (int i = 0; i < LEFT; i++) {
			enum part part;

			if (*at != ~hidden[i])
				continue;
			part = part_of((uintptr_t)at, info, context);
			in_part[part]++;
			found[i] = true;
			if (nr_elsewhere < ARRAY_SIZE(elsewhere) &&
			    (part == REGISTERS || part == STATE || part == THREADS))
				elsewhere[nr_elsewhere++] = (unsigned int)(at - from);
		}
	}
	atomic_store(&looked, true);
}

static void look_at(pthread_t t)
{
	struct sigaction sa = {.sa_sigaction = look, .sa_flags = SA_SIGINFO};

	sigfillset(&sa.sa_mask);
	sigaction(SIGUSR1, &sa, NULL);
	pthread_kill(t, SIGUSR1);
	while (!atomic_load(&looked))
		usleep(1000);
}

/* One object, wherever the frames of a call could come to lie. */
static __attribute__((noinline)) void leave_everywhere(void)
{
	void *volatile left[LEFT];
	void *p = lane_gc_alloc_noscan(48);

	for (int i = 0; i < LEFT; i++)
		left[i] = p;
	hidden[0] = ~(uintptr_t)p;
	opaque((void *)left[LEFT - 1]);
}

static unsigned int kept_by_asking(unsigned int rounds)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		leave_everywhere();
		lane_gc_collect();
		kept += lane_gc_base((void *)~hidden[0]) != NULL;
	}
	return kept;
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	uint64_t before, after, named = 0;
	unsigned int kept;
	pthread_t t;

	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(5);
	gc_begin(&o);
	kept = kept_by_asking(20);
	ksft_test_result(!kept, "who asks keeps nothing that earlier calls left: %u of 20", kept);
	before = gc_stats().live_objects;
	gc_thread(&t, sit, NULL);
	while (!atomic_load(&ready))
		usleep(1000);
	ksft_test_result(gc_stats().live_objects >= before + LEFT, "%d objects are there", LEFT);
	lane_gc_collect();
	lane_gc_collect();
	after = gc_stats().live_objects;
	look_at(t);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	for (int i = 0; i < PARTS; i++)
		ksft_print_msg("%s: %u references", part_names[i], in_part[i]);
	for (unsigned int i = 0; i < nr_elsewhere; i++)
		ksft_print_msg("word %u of the frame is one", elsewhere[i]);
	for (int i = 0; i < LEFT; i++)
		named += found[i];
	ksft_test_result(after <= before + RED_ZONE + ALIGNED,
			 "but for those in the red zone and what aligns they are freed: %llu live",
			 (unsigned long long)(after - before));
	ksft_test_result(named == after - before, "each of them was found: %llu",
			 (unsigned long long)named);
	ksft_test_result(!in_part[REGISTERS] && !in_part[STATE] && !in_part[THREADS],
			 "none in what the kernel stores, nor in the thread's frames");
	ksft_finished();
}
