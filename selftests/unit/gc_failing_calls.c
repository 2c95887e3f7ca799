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
#include "meta.h"

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

static void *try_attach(void *arg)
{
	int *got = arg;

	failing_from(1, true);
	while (meta_alloc(4096, 8))
		;
	while (meta_alloc(8, 8))
		;
	got[0] = lane_gc_attach();
	got[1] = lane_gc_detach();
	failing_from(0, false);
	got[2] = lane_gc_attach();
	got[3] = lane_gc_alloc_conservative(100) ? 0 : errno;
	return NULL;
}

/* A thread that there is no memory to attach; it can try again. */
static int attach_fails(void *arg)
{
	int got[4] = {1, 1, 1, 1};
	pthread_t t;

	(void)arg;
	if (lane_gc_init(NULL) || lane_gc_attach() || lane_gc_collect())
		return 2;
	if (pthread_create(&t, NULL, try_attach, got) || pthread_join(t, NULL))
		return 3;
	if (got[0] != -ENOMEM || got[1] != -EPERM || got[2] || got[3]) {
		ksft_print_msg("attach %d, detach %d, attach %d, allocation %d", got[0], got[1],
			       got[2], got[3]);
		return 4;
	}
	return lane_gc_collect() || lane_gc_verify();
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
	ksft_test_result(in_child(attach_fails, NULL, 30) == 0,
			 "no memory to attach a thread: ENOMEM, and it can be tried again");
	ksft_test_result(in_child(refused_later, NULL, 30) == 0,
			 "membarrier is refused after the start: the program goes on");
	ksft_finished();
}
