// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * References that functions left below the stack pointer when they returned keep nothing
 * alive, although the frame of the signal that asks for the stack is laid over them.
 */
#include "nodes.h"

#define LEFT 600      /* references; more than the largest frame has words on most machines */
#define RED_ZONE 16u  /* words below the stack pointer that count as the thread's */
#define ALIGNED 9u    /* words that the kernel leaves: state by 64 bytes, frame by 16 and 8 more */
#define REGISTERS 16u /* are the thread's, too; what a call left in them is a reference */

static _Atomic bool ready, stop;

static __attribute__((noinline)) void leave_behind(void)
{
	void *volatile left[LEFT];

	for (int i = 0; i < LEFT; i++)
		left[i] = lane_gc_alloc_noscan(48);
	opaque((void *)left[LEFT - 1]);
}

/* Runs on without a call, so that nothing but the kernel writes there. */
static void *sit(void *arg)
{
	(void)arg;
	leave_behind();
	atomic_store(&ready, true);
	while (!atomic_load(&stop))
		;
	return NULL;
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	uint64_t before, after;
	pthread_t t;

	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(2);
	gc_begin(&o);
	before = gc_stats().live_objects;
	gc_thread(&t, sit, NULL);
	while (!atomic_load(&ready))
		usleep(1000);
	ksft_test_result(gc_stats().live_objects >= before + LEFT, "%d objects are there", LEFT);
	lane_gc_collect();
	lane_gc_collect();
	after = gc_stats().live_objects;
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	ksft_test_result(after <= before + RED_ZONE + ALIGNED + REGISTERS,
			 "but for those in the red zone and in registers they are freed: %llu live",
			 (unsigned long long)(after - before));
	ksft_finished();
}
