// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * The address space is small, and nothing says when to collect: where there is no memory
 * any more, garbage is collected before an allocation fails. What really does not fit gives
 * NULL and ENOMEM, and the program goes on.
 */
#include "nodes.h"

#include <sys/resource.h>

#define LIMIT MIB(512)
#define GARBAGE MIB(ksft_quick() ? 1500 : 3000)

/* For Lane as well, which looks when it starts. */
static void limit_self(char **argv)
{
	struct rlimit r = {.rlim_cur = LIMIT, .rlim_max = LIMIT};

	if (getenv("GC_TEST_STARTED"))
		return;
	if (setrlimit(RLIMIT_AS, &r))
		ksft_exit_skip("no limit of address space: %s", strerror(errno));
	gc_conf(argv, "gc_check:false");
}

static bool make_garbage(size_t size)
{
	uint64_t cycles = gc_stats().cycles;

	for (size_t done = 0; done < GARBAGE; done += size) {
		if (!lane_gc_alloc_conservative(size)) {
			ksft_print_msg("no memory after %zu MiB in objects of %zu", done >> 20,
				       size);
			return false;
		}
	}
	return gc_stats().cycles > cycles;
}

/* Returns how many of @size fit, or 0 where it ends otherwise than with ENOMEM. */
static __attribute__((noinline)) unsigned int fill(size_t size)
{
	void ***list = NULL, ***next;
	unsigned int n = 0;

	errno = 0;
	while ((next = lane_gc_alloc_conservative(size)) != NULL) {
		lane_gc_write((void **)next, list);
		list = next;
		n++;
	}
	return errno == ENOMEM ? n : 0;
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	unsigned int first, second;

	(void)argc;
	limit_self(argv);
	ksft_print_header();
	ksft_set_plan(5);
	gc_begin(&o);
	ksft_test_result(make_garbage(200), "garbage in small objects");
	ksft_test_result(make_garbage(MIB(1)), "in large ones");
	first = fill(KIB(64));
	gc_wipe_stack();
	second = fill(KIB(64));
	ksft_print_msg("%u objects of 64 KiB, then %u", first, second);
	ksft_test_result(first > 100, "a list grows until there is no memory");
	ksft_test_result(second > first / 2, "when it is dropped, another one does");
	errno = 0;
	ksft_test_result(!lane_gc_alloc_noscan((size_t)1 << 40) && errno == ENOMEM,
			 "what can never fit fails at once");
	ksft_finished();
}
