// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * A sampled object that is misused dies with the lines of any other object; large
 * objects that are resized stay in the profile, at their size; absurd rates are
 * refused.
 */
#include "unit.h"

#include "prof.h"
#include "prof_sample.h"
#include "space.h"

#define SIZE 200

static void *sampled(size_t size)
{
	for (;;) {
		void *p = lane_malloc(size);

		if (span_of(p)->sampled)
			return p;
		lane_free(p);
	}
}

static void free_it(void *p)
{
	lane_free(p);
}

static void free_twice(void *p)
{
	lane_free(p);
	lane_free(p);
}

static void free_by_two(void *p)
{
	free_it(p);
	for (int i = 0; i < 100; i++)
		lane_free(lane_malloc(SIZE));
	free_it(p);
}

static bool dies(const char *fmt, size_t size, long off, void (*fn)(void *))
{
	char *p = sampled(size), line[128];
	bool right;

	snprintf(line, sizeof(line), fmt, (void *)(p + off));
	right = unit_dies(fn, p + off, line);
	lane_free(p);
	return right;
}

static void add_inuse(void *arg, const struct prof_site *s)
{
	*(u64 *)arg += s->raw_inuse_bytes;
}

static u64 inuse(void)
{
	u64 bytes = 0;

	prof_read(add_inuse, &bytes);
	return bytes;
}

static bool resized(void)
{
	u64 before = inuse(), sizes[] = {1 << 20, 3 << 20, 1 << 19, 1 << 18};
	char *p = sampled(1 << 21);
	bool right = inuse() - before == 1 << 21;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = lane_realloc(p, sizes[i]); /* in place or not, at this size always sampled */
		right &= inuse() - before == lane_malloc_usable_size(p);
	}
	lane_free(p);
	return right && inuse() == before;
}

static bool usable(void)
{
	char *p = sampled(SIZE);
	bool right = lane_malloc_usable_size(p) == 208;

	memset(p, 5, 208);
	p = lane_realloc(p, 20 * SIZE);
	right &= p[0] == 5 && p[207] == 5;
	lane_free(p);
	return right;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(7);
	lane_free(lane_malloc(1));
	if (prof_set_rate(PROF_RATE_MIN))
		ksft_exit_fail_msg("the profile cannot be switched on");
	ksft_test_result(dies("lane: double free of %p", SIZE, 0, free_twice), "a double free");
	ksft_test_result(dies("lane: double free of %p", SIZE, 0, free_by_two),
			 "a double free with others in between");
	ksft_test_result(dies("lane: free of %p, which is inside an object or a free page", SIZE,
			      16, free_it),
			 "a free inside a small object");
	ksft_test_result(dies("lane: free of %p, which is inside an object or a free page", 1 << 20,
			      4096, free_it),
			 "a free inside a large object");
	ksft_test_result(resized(), "a large one that is resized counts at its size");
	ksft_test_result(usable(), "usable size and realloc of a sampled object");
	ksft_test_result(unit_books_right() && prof_set_rate(1) == -EINVAL &&
				 prof_set_rate(PROF_RATE_MAX + 1) == -EINVAL &&
				 prof_rate() == PROF_RATE_MIN,
			 "the books are right; absurd rates are refused and change nothing");
	ksft_finished();
}
