// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: check LANE_CONF=check:full
/*
 * What a signal handler meets that has interrupted a slow path of its own thread: what it may call
 * works, past the heap; what it may not is refused and changes nothing.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <lane/lane_prof.h>

#include "cpu_capacity.h"
#include "errors.h"
#include "guard.h"
#include "release.h"
#include "slow_path.h"

static void inside(void (*fn)(void *), void *arg)
{
	if (!slow_enter())
		ksft_exit_fail_msg("inside already");
	fn(arg);
	slow_exit();
}

static bool right;

static void allocates(void *arg)
{
	struct lane_stats st = {.sz = sizeof(st)};
	int node = lane_node_of(arg);
	char *p = lane_malloc_onnode(100, node);

	/* From a CPU's cache, where that takes no lock, or past the heap. */
	right = p && (lane_node_of(p) == node || lane_node_of(p) == -EINVAL) &&
		lane_malloc_usable_size(p) >= 100;
	memset(p, 1, 100);
	lane_free(p);
	errno = 0;
	right &= !lane_malloc(opaque_size(SIZE_MAX - 4096)) && errno == ENOMEM;
	errno = 0;
	right &= !lane_aligned_alloc(opaque_size(1ULL << 62),
				     opaque_size(SIZE_MAX - (1ULL << 62))) &&
		 errno == ENOMEM;
	right &= lane_stats_walk(&st) == -EBUSY;
}

/*
 * A large object cannot be cut now: it stays as it is, or moves, as it must where its end is
 * checked.
 */
static void resizes(void *arg)
{
	char **large = arg, *p = *large;

	*large = lane_realloc(p, MIB(1));
	right = *large && (*large == p || conf.check != CONF_CHECK_OFF);
	p = *large;
	*large = lane_realloc(p, MIB(3));
	right &= *large && *large != p && pattern_holds(*large, MIB(1), 1);
}

static void configures(void *arg)
{
	(void)arg;
	right = lane_prof_set_rate(4096) == -EBUSY && lane_prof_rate() == 0 &&
		guard_set_rate(10) == -EBUSY && guard_set_rate(0) == -EBUSY &&
		!lane_release(SIZE_MAX);
	/* They have their time again. */
	capacity_fit();
	release_tick(1);
}

static void collects(void *arg)
{
	static void *root;
	void *obj = arg;

	errno = 0;
	right = !lane_gc_alloc_noscan(9000) && errno == EDEADLK;
	errno = 0;
	right &= !lane_gc_alloc_conservative(KIB(100)) && errno == EDEADLK;
	right &= lane_gc_free(obj) == -EDEADLK &&
		 lane_gc_add_roots(&root, sizeof(root)) == -EDEADLK &&
		 lane_gc_set_finalizer(obj, NULL, NULL) == -EDEADLK;
}

static void initialises(void *arg)
{
	(void)arg;
	right = lane_gc_init(NULL) == -EDEADLK;
}

static void frees(void *p)
{
	inside(lane_free, p);
}

static bool dies(void *p, const char *what)
{
	char line[120];

	snprintf(line, sizeof(line), "lane: free of %p, which is %s", p, what);
	return unit_dies(frees, p, line);
}

static void test_misuse(void)
{
	static char own[64];
	char *large = lane_malloc(MIB(1));

	right = dies(own + 16, "not a heap pointer") &&
		dies(large + 4096, "inside an object or a free page");
	lane_free(large);
	ksft_test_result(right, "what is no object is found there, too");
}

int main(void)
{
	uint64_t live = unit_live();
	char *large, *small;

	ksft_print_header();
	unit_no_background();
	ksft_set_plan(6);
	large = lane_malloc(MIB(2));
	small = lane_malloc(100);
	pattern_fill(large, MIB(2), 1);
	inside(allocates, small);
	ksft_test_result(right, "memory by its node, sizes that no machine has, a walk");
	inside(resizes, &large);
	ksft_test_result(right, "a large object stays, or moves");
	lane_free(small);
	lane_free(large);
	inside(configures, NULL);
	ksft_test_result(right && unit_live() == live && unit_books_right(),
			 "settings are refused; all is counted");
	test_misuse();
	inside(initialises, NULL);
	ksft_test_result(right && lane_gc_init(NULL) == 0 && lane_gc_attach() == 0,
			 "a collected heap is not begun");
	small = lane_gc_alloc_noscan(1000);
	inside(collects, small);
	ksft_test_result(right && lane_gc_free(small) == 0, "its functions are refused");
	ksft_finished();
}
