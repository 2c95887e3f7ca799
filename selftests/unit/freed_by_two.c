// SPDX-License-Identifier: MIT
/*
 * Two threads free the same object at once, and both have found it good: the later one's step that
 * would damage the heap dies. Done here by the inner functions, one after the other.
 */
#include "unit.h"

#include "central.h"
#include "init.h"
#include "node_heap.h"
#include "size_class.h"
#include "slow_path.h"
#include "space.h"

static char line[160];

static const char *line_of(const char *fmt, const void *p)
{
	snprintf(line, sizeof(line), fmt, p);
	return line;
}

static void free_large(void *s)
{
	page_heap_free(&node_heaps[0]->pages, s, USE_LARGE);
}

static void hold_large(void *s)
{
	page_heap_hold(&node_heaps[0]->pages, s);
}

static void put_small(void *p)
{
	central_put(node_heaps[0], size_to_class(3000), &p, 1, CENTRAL_FROM_TRANSFER);
}

static void test_large(void)
{
	void *p = lane_malloc(MIB(1)), *q = lane_malloc(MIB(1));
	struct span *s = span_of(p), *held = span_of(q);

	free_large(s);
	ksft_test_result(
		unit_dies(free_large, s,
			  line_of("lane: free of %p, which is inside an object or a free page", p)),
		"a large object");
	hold_large(held);
	ksft_test_result(unit_dies(hold_large, held, line_of("lane: double free of %p", q)),
			 "one that is to be held back");
}

/* Its span went back as a whole meanwhile. */
static void test_small(void)
{
	enum { MANY = 1000 };
	static void *p[MANY];
	void *gone = NULL;

	for (int i = 0; i < MANY; i++)
		p[i] = lane_malloc(3000);
	for (int i = 0; i < MANY; i++)
		lane_free(p[i]);
	lane_release(SIZE_MAX);
	for (int i = 0; i < MANY && !gone; i++) {
		if (span_of(p[i])->state != SPAN_SMALL && span_start(span_of(p[i])) == p[i])
			gone = p[i];
	}
	ksft_test_result(
		gone && unit_dies(put_small, gone, line_of("lane: double free of %p", gone)),
		"a small one whose span is gone");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(4);
	lane_free(lane_malloc(1));
	test_small();
	ksft_test_result(unit_books_right() && lane_start() == 0,
			 "the heap is whole, and starts once");
	test_large();
	ksft_finished();
}
