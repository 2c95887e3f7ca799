// SPDX-License-Identifier: MIT
/*
 * System calls that fail under the collected heap: the start says so and can be tried again,
 * an allocation returns NULL and the next one works, and where membarrier is refused after
 * the start nothing is collected any more and the program goes on.
 */
#include "failing_os.h"

#include <lane/lane_gc.h>

#include "fence.h"
#include "gc.h"

static int start_fails_at(void *arg)
{
	int err;

	failing_from((unsigned int)(uintptr_t)arg, false);
	err = lane_gc_init(NULL);
	failing_from(0, false);
	if (err && lane_gc_init(NULL))
		return 2;
	if (lane_gc_attach() || !lane_gc_alloc_conservative(100) || lane_gc_collect())
		return 3;
	return err == 0 ? 0 : err == -ENOMEM || err == -EAGAIN ? 1 : 4;
}

static void starts(void)
{
	unsigned int failed = 0, n;
	int got = 1;

	for (n = 1; n < 60 && (got == 1 || n < 30); n++) {
		got = in_child(start_fails_at, (void *)(uintptr_t)n, 20);
		failed += got == 1;
		if (got != 0 && got != 1) {
			ksft_print_msg("call %u: %d", n, got);
			break;
		}
	}
	ksft_test_result(got >= 0 && got <= 1 && failed > 0,
			 "a start that fails in any of %u calls is made good by another one",
			 failed);
}

static int allocations(void *arg)
{
	bool on = arg;
	int none = 0;

	if (lane_gc_init(NULL) || lane_gc_attach())
		return 2;
	for (unsigned int n = 1; n < 40; n++) {
		failing_from(n, on);
		for (int i = 0; i < 40; i++) {
			void *p = lane_gc_alloc_conservative((size_t)1 << (4 + i % 20));

			if (!p && errno != ENOMEM)
				return 3;
			none += !p;
		}
		failing_from(0, false);
		if (!lane_gc_alloc_conservative(1 << 20))
			return 4;
	}
	return lane_gc_verify() ? 5 : on && !none ? 6 : 0;
}

#define REFERENCES 300000u

/* Grey references without end, and no memory for the buffers that they lie in. */
static int no_buffers(void *arg)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	uint64_t *volatile *refs = __builtin_alloca(REFERENCES * sizeof(*refs));

	(void)arg;
	memset((void *)refs, 0, REFERENCES * sizeof(*refs));
	if (lane_gc_init(&o) || lane_gc_attach() || lane_gc_collect()) /* the copy has its size */
		return 2;
	for (uint64_t i = 0; i < REFERENCES; i++) {
		refs[i] = lane_gc_alloc_conservative(2 * sizeof(uint64_t));
		if (!refs[i])
			return 3;
		*refs[i] = i;
	}
	failing_from(1, true);
	lane_gc_collect();
	failing_from(0, false);
	for (uint64_t i = 0; i < REFERENCES; i++)
		if (lane_gc_base(refs[i]) != refs[i] || *refs[i] != i)
			return 4;
	return lane_gc_verify() ? 5 : 0;
}

static int refuse_all(int cmd)
{
	(void)cmd;
	return -EPERM;
}

static int refused_later(void *arg)
{
	(void)arg;
	if (lane_gc_init(NULL) || lane_gc_attach() || lane_gc_collect())
		return 2;
	if (lanes_locked())
		return 0;
	os.membarrier = refuse_all;
	lane_gc_collect();
	if (!READ_ONCE(gc.failed) || gc.marking)
		return 3;
	for (int i = 0; i < 20000; i++) {
		void **p = lane_gc_alloc_conservative(1000);

		if (!p)
			return 4;
		lane_gc_write(p, p);
	}
	lane_gc_collect(); /* returns */
	return 0;
}

int main(void)
{
	ksft_print_header();
#ifdef __SANITIZE_THREAD__
	ksft_exit_skip("ThreadSanitizer shadows the marks of the whole address space");
#endif
	ksft_set_plan(5);
	starts();
	ksft_test_result(in_child(allocations, NULL, 30) == 0, "one call fails under allocations");
	ksft_test_result(in_child(allocations, (void *)1, 30) == 0, "all that follow fail");
	ksft_test_result(in_child(no_buffers, NULL, 60) == 0,
			 "no memory for what is grey: all that a stack refers to stays");
	ksft_test_result(in_child(refused_later, NULL, 30) == 0,
			 "membarrier is refused after the start: the program goes on");
	ksft_finished();
}
