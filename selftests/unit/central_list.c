// SPDX-License-Identifier: MIT
/*
 * Central lists hand out each object of a span once, from the fullest spans
 * first, give empty spans back, and end the process with an exact line where
 * what comes back is no object, or is there already.
 */
#include "unit.h"

#include "node_heap.h"
#include "space.h"

#define ROOM 8192

static struct node_heap *nh;
static void *objs[ROOM];

static int by_address(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

static u32 take(u32 cls, u32 n)
{
	u32 got = 0, k;

	node_heap_use_class(nh, cls);
	while (got < n && (k = central_get(nh, cls, objs + got, min(n - got, 100u), USER_CPU)))
		got += k;
	return got;
}

static u64 spans_of(u32 cls)
{
	return nh->central[cls].book.cur[C_SPANS_IN] - nh->central[cls].book.cur[C_SPANS_OUT];
}

/* Some classes with bitmaps inside the span, some with more, one with objects over pages. */
static bool each_object_once(void)
{
	static const u32 classes[] = {1, 2, 3, 4, 9, 20, 34, 45, NR_SMALL};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		u32 cls = classes[i], size = size_classes[cls].size;
		u32 n = min((u32)size_classes[cls].objects * 2 + 1, (u32)ROOM);

		if (take(cls, n) != n || spans_of(cls) != 3)
			return false;
		qsort(objs, n, sizeof(*objs), by_address);
		for (u32 k = 1; k < n; k++) {
			if ((char *)objs[k] - (char *)objs[k - 1] < (ptrdiff_t)size)
				return false;
		}
		central_put(nh, cls, objs, n, USER_CPU);
		if (spans_of(cls) != 0)
			return false;
	}
	return true;
}

/* Two spans, one nearly empty: what is needed next comes from the fuller one. */
static bool fullest_first(void)
{
	u32 cls = 9, n = size_classes[cls].objects;
	struct span *s;
	void *next;

	take(cls, 2 * n);
	qsort(objs, 2 * n, sizeof(*objs), by_address);
	s = span_of(objs[0]);
	central_put(nh, cls, objs + 1, n - 1, USER_CPU); /* one left in the first */
	central_put(nh, cls, objs + n, 4, USER_CPU);	 /* four free in the second */
	for (u32 i = 0; i < 4; i++) {
		if (central_get(nh, cls, &next, 1, USER_CPU) != 1 || span_of(next) == s)
			return false;
		objs[n + i] = next;
	}
	central_put(nh, cls, objs, 1, USER_CPU);
	central_put(nh, cls, objs + n, n, USER_CPU);
	return spans_of(cls) == 0;
}

static void put_twice(void *arg)
{
	void *two[2] = {arg, arg};

	central_put(nh, 20, two, 2, USER_CPU);
}

static void put_one(void *arg)
{
	central_put(nh, span_of(arg)->cls, &arg, 1, USER_CPU);
}

static bool dies(void (*fn)(void *), void *p, const char *text)
{
	char line[128];

	snprintf(line, sizeof(line), text, p);
	return unit_dies(fn, p, line);
}

int main(void)
{
	char *tail;
	u32 n = size_classes[4].objects;

	ksft_print_header();
	ksft_set_plan(6);
	lane_free(lane_malloc(SMALL_MAX + 1));
	nh = node_heaps[0];
	ksft_test_result(each_object_once(), "each object of a span is handed out once");
	ksft_test_result(fullest_first(), "objects come from the fullest span");
	take(20, 2);
	ksft_test_result(dies(put_twice, objs[0], "lane: double free of %p"), "twice in a batch");
	ksft_test_result(dies(put_one, (char *)objs[0] + 8,
			      "lane: free of %p, which is inside an object or a free page"),
			 "inside an object");
	central_put(nh, 20, objs, 2, USER_CPU);
	/* 48 bytes: 170 objects, and 32 bytes that belong to none. */
	take(4, n);
	tail = (char *)span_start(span_of(objs[0])) + (size_t)n * 48;
	ksft_test_result(
		dies(put_one, tail, "lane: free of %p, which is inside an object or a free page"),
		"behind the last object of a span");
	central_put(nh, 4, objs, n, USER_CPU);
	ksft_test_result(unit_books_right() && spans_of(4) == 0,
			 "the books say what the walk finds");
	ksft_finished();
}
