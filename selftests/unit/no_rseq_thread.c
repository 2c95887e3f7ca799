// SPDX-License-Identifier: MIT
/*
 * A thread that has taken its rseq area back from the kernel, as one that was made past the C
 * library never had one: it allocates and frees without CPU caches, beside others, and all is
 * counted. So with collected objects.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <linux/rseq.h>
#include <sys/syscall.h>

#include "lanes.h"
#include "rseq_abi.h"

#if defined(__x86_64__)
#define SIGNATURE 0x53053053u
#elif defined(__aarch64__)
#define SIGNATURE 0xd428bc00u
#endif

#define OBJECTS 3000

static struct rseq_area area;
static _Atomic int wrong;

/* Take the area back, or give it again; the C library says 32 bytes where it says less. */
static long rseq_call(int flags)
{
	void *at = (char *)__builtin_thread_pointer() + area.offset;
	long ret = syscall(SYS_rseq, at, 32, flags, SIGNATURE);

	return ret;
}

static void use(void)
{
	static __thread void *held[OBJECTS];

	for (int i = 0; i < OBJECTS; i++) {
		size_t size = 1 + (size_t)i * 37 % 40000;

		held[i] = lane_malloc(size);
		if (!held[i])
			wrong++;
		else
			pattern_fill(held[i], size, (uint64_t)i);
	}
	for (int i = 0; i < OBJECTS; i++) {
		size_t size = 1 + (size_t)i * 37 % 40000;

		if (held[i] && !pattern_holds(held[i], size, (uint64_t)i))
			wrong++;
		lane_free(held[i]);
	}
}

static void collect(void)
{
	if (lane_gc_attach()) {
		wrong++;
		return;
	}
	for (int i = 0; i < OBJECTS; i++) {
		uint64_t *p = lane_gc_alloc_conservative(1 + (size_t)i % 900);

		if (!p)
			wrong++;
		else if (i % 3 == 0 && lane_gc_free(p))
			wrong++;
	}
	if (lane_gc_collect())
		wrong++;
	lane_gc_detach();
}

static void *without(void *arg)
{
	bool *could = arg;

	*could = rseq_call(RSEQ_FLAG_UNREGISTER) == 0;
	if (!*could)
		return NULL;
	if (this_lane())
		wrong++;
	use();
	collect();
	if (rseq_call(0))
		wrong++;
	use();
	return NULL;
}

static void *with(void *arg)
{
	(void)arg;
	use();
	return NULL;
}

int main(void)
{
	pthread_t t[2];
	bool could = false;

	ksft_print_header();
	unit_no_background();
	lane_free(lane_malloc(1));
	area = rseq_area_find();
	if (lanes_locked())
		ksft_exit_skip("caches are under locks here");
	if (lane_gc_init(NULL))
		ksft_exit_fail_msg("no collected heap");
	start_thread(&t[0], without, &could);
	start_thread(&t[1], with, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	if (!could)
		ksft_exit_skip("the area cannot be taken back");
	ksft_set_plan(2);
	ksft_test_result(!wrong, "it gets its memory, and gives it back");
	ksft_test_result(unit_books_right() && unit_live() == 0, "and all is counted");
	ksft_finished();
}
