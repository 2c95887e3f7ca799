// SPDX-License-Identifier: MIT
/*
 * The C library cannot say where a stack lies, as where a process may open no more files: the
 * thread's descriptor tells. On a stack of the program's own nobody can, and a thread that is
 * there is not attached.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <sys/resource.h>
#include <ucontext.h>

#include "gc.h"

static ucontext_t outside;
static char own_stack[256 * 1024] __attribute__((aligned(64)));
static int result;

static void attach(void)
{
	result = lane_gc_attach();
}

/* The result of lane_gc_attach(), there. */
static int attach_elsewhere(void)
{
	ucontext_t there;

	getcontext(&there);
	there.uc_stack.ss_sp = own_stack;
	there.uc_stack.ss_size = sizeof(own_stack);
	there.uc_link = &outside;
	makecontext(&there, attach, 0);
	swapcontext(&outside, &there);
	return result;
}

static bool library_knows(void)
{
	pthread_attr_t attr;

	if (pthread_getattr_np(pthread_self(), &attr))
		return false;
	pthread_attr_destroy(&attr);
	return true;
}

/* Whether the chain that the stack alone holds outlives a cycle. */
static __attribute__((noinline)) bool keeps_objects(void)
{
	void **volatile head = NULL;
	int found = 0;

	for (int i = 0; i < 100; i++) {
		void **p = lane_gc_alloc_conservative(64);

		lane_gc_write(p, head);
		head = p;
	}
	if (lane_gc_collect())
		return false;
	for (void **p = head; p; p = *p)
		found++;
	return found == 100 && lane_gc_verify() == 0;
}

int main(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	struct rlimit files, none;
	uintptr_t base;
	int elsewhere, err;

	ksft_print_header();
	ksft_set_plan(3);
	if (lane_gc_init(&o) || lane_gc_attach())
		ksft_exit_fail_msg("no collected heap");
	base = gc_self->base;
	lane_gc_detach();
	getrlimit(RLIMIT_NOFILE, &files);
	none = files;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	if (library_knows())
		ksft_exit_skip("this C library needs no file for it");
	elsewhere = attach_elsewhere();
	ksft_test_result(elsewhere < 0 && !gc_self, "a stack of the program's own: refused (%d)",
			 elsewhere);
	err = lane_gc_attach();
	setrlimit(RLIMIT_NOFILE, &files);
	ksft_test_result(!err && gc_self && gc_self->base >= base - 4096 &&
				 gc_self->base <= base + 4096,
			 "the main thread's stack ends where the C library says");
	ksft_test_result(keeps_objects(), "and what it holds is kept");
	ksft_finished();
}
