// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * The system gives no more memory: an allocation on a node, as any other, takes what CPUs have
 * cached before it fails.
 */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "os.h"

#define CACHED KIB(8)
#define LARGE KIB(64)

static struct os_ops real;

static int refusing_protect(void *addr, size_t len, int prot)
{
	return prot & PROT_WRITE ? -ENOMEM : real.protect(addr, len, prot);
}

static u64 in_caches(void)
{
	struct lane_stats st = {.sz = sizeof(st)};

	if (lane_stats_read(&st))
		ksft_exit_fail_msg("no statistics");
	return st.cpu_cached + st.transfer_cached;
}

/* The first of a list of all that could be had. */
static void *take_all(int node)
{
	void **first = NULL, **p;

	while ((p = lane_malloc_onnode(LARGE, node)) != NULL) {
		*p = first;
		first = p;
	}
	return first;
}

int main(void)
{
	void *p[64], **held, **next;
	int err, node;
	u64 before;

	ksft_print_header();
	ksft_set_plan(3);
	unit_pin(0);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = lane_malloc(CACHED);
	node = lane_node_of(p[0]);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		lane_free(p[i]);
	before = in_caches();
	real = os;
	os.protect = refusing_protect;
	errno = 0;
	held = take_all(node);
	err = errno;
	ksft_test_result(before > 0 && err == ENOMEM, "in the end there is no memory");
	if (!ksft_test_result(in_caches() == 0, "and nothing in caches"))
		ksft_print_msg("%llu bytes, before it %llu", (unsigned long long)in_caches(),
			       (unsigned long long)before);
	for (; held; held = next) {
		next = *held;
		lane_free(held);
	}
	os = real;
	ksft_test_result(unit_books_right(), "the books are right");
	ksft_finished();
}
