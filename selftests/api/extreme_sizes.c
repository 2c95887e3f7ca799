// SPDX-License-Identifier: MIT
// variant: no-rseq GLIBC_TUNABLES=glibc.pthread.rseq=0 QUICK=1
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: check LANE_CONF=check:full
/*
 * Size 0 gives unique pointers that can be freed; sizes that no machine has
 * and products that overflow give NULL and ENOMEM from every function.
 */
#include "common.h"

static bool zero_is_unique(void)
{
	void *p[64];
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		switch (i % 4) {
		case 0:
			p[i] = get(0);
			break;
		case 1:
			p[i] = opaque(calloc(opaque_size(0), opaque_size(i)));
			break;
		case 2:
			p[i] = opaque(aligned_alloc(64, opaque_size(0)));
			break;
		default:
			p[i] = opaque(realloc(NULL, opaque_size(0)));
			break;
		}
		good &= p[i] != NULL;
		for (size_t j = 0; j < i; j++)
			good &= p[i] != p[j];
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	return good;
}

static bool refused(void *p)
{
	bool good = !p && errno == ENOMEM;

	if (p)
		put(p);
	errno = 0;
	return good;
}

/* No power of two is as large. */
static bool alignment_is_refused(void)
{
	bool good;

	errno = 0;
	good = !opaque(memalign(opaque_size(SIZE_MAX / 2 + 2), 8)) && errno == EINVAL;
	errno = 0;
	return good && !opaque(memalign(opaque_size(SIZE_MAX / 2 + 1), 8)) && errno == ENOMEM;
}

static bool size_is_refused(size_t size)
{
	void *volatile keep = get(100);
	void *out = &out;
	bool good = true;

	pattern_fill(keep, 100, size);
	errno = 0;
	good &= refused(opaque(malloc(opaque_size(size))));
	good &= refused(opaque(calloc(1, opaque_size(size))));
	good &= refused(opaque(calloc(opaque_size(size), 1)));
	good &= refused(opaque(realloc(NULL, opaque_size(size))));
	good &= refused(opaque(realloc(opaque(keep), opaque_size(size))));
	good &= refused(opaque(reallocarray(opaque(keep), opaque_size(size), 1)));
	good &= refused(opaque(aligned_alloc(4096, opaque_size(size))));
	good &= refused(opaque(aligned_alloc(MIB(4), opaque_size(size))));
	good &= refused(opaque(memalign(64, opaque_size(size))));
	good &= refused(opaque(valloc(opaque_size(size))));
	good &= refused(opaque(pvalloc(opaque_size(size))));
	good &= posix_memalign(&out, 64, opaque_size(size)) == ENOMEM && out == &out;
	good &= refused(opaque(lane_malloc(opaque_size(size))));
	good &= pattern_holds(keep, 100, size);
	put(keep);
	return good;
}

static bool overflow_is_refused(void)
{
	static const size_t pairs[][2] = {
		{SIZE_MAX, 2},
		{2, SIZE_MAX},
		{SIZE_MAX, SIZE_MAX},
		{SIZE_MAX / 2 + 1, 2},
		{SIZE_MAX / 16 + 1, 16},
		{(size_t)1 << 32, (size_t)1 << 32},
		{((size_t)1 << 32) + 1, ((size_t)1 << 32) - 1},
		{3, SIZE_MAX / 3 + 1},
	};
	void *volatile keep = get(40);
	bool good = true;

	pattern_fill(keep, 40, 7);
	errno = 0;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		size_t n = opaque_size(pairs[i][0]);
		size_t size = opaque_size(pairs[i][1]);

		good &= refused(opaque(calloc(n, size)));
		good &= refused(opaque(reallocarray(NULL, n, size)));
		good &= refused(opaque(reallocarray(opaque(keep), n, size)));
		good &= refused(opaque(lane_calloc(n, size)));
		good &= refused(opaque(lane_reallocarray(opaque(keep), n, size)));
		good &= pattern_holds(keep, 40, 7);
	}
	put(keep);
	return good;
}

static bool alignment_overflow_is_refused(void)
{
	bool good = true;

	errno = 0;
	good &= refused(opaque(aligned_alloc(opaque_size((size_t)1 << 63), 1)));
	good &= refused(opaque(aligned_alloc(opaque_size((size_t)1 << 62), 4096)));
	good &= refused(opaque(memalign(opaque_size((size_t)1 << 63), opaque_size(SIZE_MAX))));
	good &= refused(opaque(aligned_alloc(opaque_size(64), opaque_size(SIZE_MAX - 62))));
	return good;
}

int main(void)
{
	static const size_t absurd[] = {
		SIZE_MAX,      SIZE_MAX - 1,	SIZE_MAX - 15,	       SIZE_MAX - 4095,
		SIZE_MAX / 2,  SIZE_MAX - 4096, SIZE_MAX - MIB(2) + 1, PTRDIFF_MAX,
		SIZE_MAX >> 4, SIZE_MAX >> 8,	(size_t)1 << 47,       (size_t)1 << 63,
	};

	ksft_print_header();
	ksft_set_plan(4 + ARRAY_SIZE(absurd));
	ksft_test_result(zero_is_unique(), "size 0 gives unique pointers");
	for (size_t i = 0; i < ARRAY_SIZE(absurd); i++)
		ksft_test_result(size_is_refused(absurd[i]), "size %#zx: NULL and ENOMEM",
				 absurd[i]);
	ksft_test_result(overflow_is_refused(), "calloc and reallocarray refuse overflow");
	ksft_test_result(alignment_overflow_is_refused(), "alignments that overflow are refused");
	ksft_test_result(alignment_is_refused(), "alignments beyond all powers of two are refused");
	ksft_finished();
}
