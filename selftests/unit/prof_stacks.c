// SPDX-License-Identifier: MIT
/*
 * The frames of a sampled stack: the callers by name, as deep as 64, on the stacks of
 * the main thread, of threads with tiny stacks and with stacks of their own, of a
 * coroutine and of a signal handler; and with anything in the frame pointer the walk
 * ends, and reads nothing that is not mapped.
 */
#include "unit.h"

#include <sys/mman.h>
#include <ucontext.h>

#include "prof_stack.h"
#include "space.h"

/* Sanitizers need more. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define TINY_STACK (4 << 20)
#else
#define TINY_STACK ((size_t)PTHREAD_STACK_MIN)
#endif
#define NOINLINE __attribute__((noinline))
#define STOP __asm__ volatile("" : : : "memory") /* no tail call */

static struct prof_stack stack;

/* Whether frame @n lies in the small function @fn. */
static bool frame_in(u32 n, const void *fn)
{
	return n < stack.depth && stack.pc[n] > (uintptr_t)fn && stack.pc[n] <= (uintptr_t)fn + 200;
}

static NOINLINE void innermost(void)
{
	prof_stack_capture(&stack);
	STOP;
}

static NOINLINE void middle(void)
{
	innermost();
	STOP;
}

static NOINLINE void outer(void)
{
	middle();
	STOP;
}

static bool names_right(void)
{
	return frame_in(0, innermost) && frame_in(1, middle) && frame_in(2, outer);
}

static NOINLINE void deep(int n)
{
	if (n)
		deep(n - 1);
	else
		outer();
	STOP;
}

static void *in_thread(void *arg)
{
	outer();
	*(bool *)arg = names_right();
	return NULL;
}

static bool thread_with(size_t size, bool own_stack)
{
	void *map = NULL;
	pthread_attr_t attr;
	pthread_t thread;
	bool right = false;

	pthread_attr_init(&attr);
	if (own_stack) {
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pthread_attr_setstack(&attr, map, size);
	} else {
		pthread_attr_setstacksize(&attr, size);
	}
	if (pthread_create(&thread, &attr, in_thread, &right))
		ksft_exit_fail_msg("pthread_create");
	pthread_join(thread, NULL);
	return right && stack.depth > 3;
}

/* @bytes of stack between two pages that may not be touched. */
static char *island(size_t bytes)
{
	char *p = mmap(NULL, bytes + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(p + 4096, bytes, PROT_READ | PROT_WRITE);
	return p + 4096;
}

static ucontext_t main_context, coroutine;

/* The frame pointer that the coroutine starts with is the one of getcontext(): of another stack. */
static NOINLINE void on_island(void)
{
	outer();
	STOP;
}

static bool in_coroutine(void)
{
	char *mem = island(16384);

	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = mem;
	coroutine.uc_stack.ss_size = 16384;
	coroutine.uc_link = &main_context;
	makecontext(&coroutine, on_island, 0);
	swapcontext(&main_context, &coroutine);
	return names_right() && frame_in(3, on_island);
}

static void on_signal(int sig)
{
	(void)sig;
	outer();
	STOP;
}

static bool in_handler(void)
{
	stack_t alt = {.ss_sp = island(32768), .ss_size = 32768};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};

	sigaltstack(&alt, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	return names_right() && frame_in(3, on_signal);
}

/* Call innermost() with @fp in the frame pointer. */
static NOINLINE void with_frame_pointer(uintptr_t fp)
{
#if defined(__x86_64__)
	__asm__ volatile("pushq %%rbp\n"
			 "movq %%rsp, %%rbx\n"
			 "movq %0, %%rbp\n"
			 "andq $-16, %%rsp\n"
			 "call *%1\n"
			 "movq %%rbx, %%rsp\n"
			 "popq %%rbp\n"
			 :
			 : "r"(fp), "r"(innermost)
			 : "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "memory", "cc");
#elif defined(__aarch64__)
	__asm__ volatile("stp x29, x30, [sp, #-16]!\n"
			 "mov x29, %0\n"
			 "blr %1\n"
			 "ldp x29, x30, [sp], #16\n"
			 :
			 : "r"(fp), "r"(innermost)
			 : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
			   "x12", "x13", "x14", "x15", "x16", "x17", "x18", "memory", "cc");
#endif
	STOP;
}

static bool with_garbage(uint64_t *rng)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	static const uintptr_t odd[] = {
		0, 1, 8, 4096, UINTPTR_MAX, UINTPTR_MAX - 7, UINTPTR_MAX - 15, 1ULL << 63, 0x1000,
	};

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		with_frame_pointer(odd[i]);
	for (int i = 0; i < 200000; i++) {
		with_frame_pointer(ksft_random(rng));
		with_frame_pointer(here + ksft_random(rng) % 65536);	  /* of this stack */
		with_frame_pointer(here + ksft_random(rng) % (64 << 20)); /* near it */
		if (!frame_in(0, innermost) || !frame_in(1, with_frame_pointer))
			return false;
	}
	return true;
}

static void *garbage_in_thread(void *arg)
{
	uint64_t *rng = arg;

	return with_garbage(rng) ? arg : NULL;
}

/* Where address space is short, code may lie where a whole range of the heap would have reached. */
static bool behind_short_heap(void)
{
	const struct space is = space;

	space.base = (uintptr_t)innermost - (1 << 30);
	space.nr_homes = 1;
	space.home_bytes = 1 << 20;
	outer();
	space = is;
	return names_right();
}

int main(void)
{
	pthread_t thread;
	void *right;
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(11);
	rng = ksft_seed() | 1;
	lane_free(lane_malloc(1)); /* brings the constructor, which finds the bounds */
	outer();
	ksft_test_result(names_right(), "the callers, innermost first");
	deep(10);
	ksft_test_result(names_right() && frame_in(3, deep) && frame_in(13, deep), "ten more");
	deep(1000);
	ksft_test_result(names_right() && stack.depth == PROF_FRAMES, "64 of a thousand");
	ksft_test_result(behind_short_heap(), "code behind a heap of little address space");
	ksft_test_result(thread_with(TINY_STACK, false), "a thread with the least stack");
	ksft_test_result(thread_with(4 * TINY_STACK, true),
			 "a thread with a stack of the program's");
	ksft_test_result(in_coroutine(), "a coroutine");
	ksft_test_result(in_handler(), "an alternate signal stack");
	ksft_test_result(with_garbage(&rng), "anything in the frame pointer");
	start_thread(&thread, garbage_in_thread, &rng);
	pthread_join(thread, &right);
	ksft_test_result(right != NULL, "anything in it, in a thread");
	ksft_test_result(!prof_stack_is_own((uintptr_t)innermost), "the program's code is its own");
	ksft_finished();
}
