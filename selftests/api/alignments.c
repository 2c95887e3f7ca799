// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: check LANE_CONF=check:full
/*
 * Every alignment up to 4 MiB, with sizes around it, is kept and the memory
 * can be used; what is no alignment gives EINVAL and changes nothing.
 */
#include "common.h"

#define MAX_ALIGN MIB(4)

static bool aligned(const void *p, size_t align)
{
	return p && ((uintptr_t)p & (align - 1)) == 0;
}

/* A block is good where it is aligned, as large as asked for and its own. */
static bool usable(void *p, size_t align, size_t size)
{
	size_t room = p ? malloc_usable_size(p) : 0;

	if (!aligned(p, align) || room < size)
		return false;
	pattern_fill(p, room, align + size);
	return true;
}

static bool alignment_holds(size_t align)
{
	const size_t sizes[] = {
		0,	 1,	  16, 100, align - 1, align, align + 1, 2 * align, 3 * align + 50,
		KIB(40), KIB(300)};
	enum { WAYS = 4 };
	void *p[ARRAY_SIZE(sizes) * WAYS] = {0};
	size_t n = 0;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];

		p[n++] = opaque(aligned_alloc(opaque_size(align), opaque_size(size)));
		p[n++] = opaque(memalign(opaque_size(align), opaque_size(size)));
		p[n++] = opaque(lane_aligned_alloc(opaque_size(align), opaque_size(size)));
		if (align >= sizeof(void *))
			good &= posix_memalign(&p[n], align, opaque_size(size)) == 0;
		else
			p[n] = get(size);
		n++;
	}
	for (size_t i = 0; i < n; i++)
		good &= usable(p[i], align, sizes[i / WAYS]);
	for (size_t i = 0; i < n; i++) {
		good &= pattern_holds(p[i], malloc_usable_size(p[i]), align + sizes[i / WAYS]);
		put(p[i]);
	}
	return good;
}

static bool malloc_is_aligned(void)
{
	bool good = true;

	for (size_t size = 1; size < KIB(600); size += size < 2048 ? 1 : size / 37) {
		void *p = get(size), *q = opaque(calloc(1, opaque_size(size)));
		size_t align = size > 8 ? 16 : 8;

		good &= aligned(p, align) && aligned(q, align);
		put(p);
		put(q);
	}
	return good;
}

static bool bad_alignment_is_refused(void)
{
	static const size_t bad[] = {0, 3, 5, 6, 7, 9, 12, 24, 48, 100, 4095, 4097, SIZE_MAX};
	void *const mark = (void *)0x5a5a;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		void *out = mark;

		errno = 0;
		good &= !opaque(aligned_alloc(opaque_size(bad[i]), 64)) && errno == EINVAL;
		errno = 0;
		good &= !opaque(lane_aligned_alloc(opaque_size(bad[i]), 64)) && errno == EINVAL;
		errno = 77;
		good &= posix_memalign(&out, opaque_size(bad[i]), 64) == EINVAL;
		good &= out == mark && errno == 77;
	}
	return good;
}

static bool posix_memalign_wants_pointer_size(void)
{
	void *const mark = (void *)0x5a5a;
	void *out = mark;
	bool good = true;

	for (size_t align = 1; align < sizeof(void *); align *= 2)
		good &= posix_memalign(&out, opaque_size(align), 64) == EINVAL && out == mark;
	errno = 77;
	good &= posix_memalign(&out, 64, opaque_size(SIZE_MAX / 2)) == ENOMEM;
	return good && out == mark && errno == 77;
}

static bool memalign_rounds_up(void)
{
	bool good = true;

	for (size_t align = 0; align < 5000; align = align * 5 / 4 + 1) {
		void *p = opaque(memalign(opaque_size(align), 50));
		size_t power = 1;

		while (power < align)
			power *= 2;
		good &= aligned(p, power) && malloc_usable_size(p) >= 50;
		put(p);
	}
	return good;
}

static bool page_functions(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	static const size_t sizes[] = {0, 1, 100, 4095, 4096, 4097, 65536, 65537, 300000};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *p = opaque(valloc(opaque_size(sizes[i])));
		void *q = opaque(pvalloc(opaque_size(sizes[i])));

		good &= usable(p, page, sizes[i]);
		good &= usable(q, page, (sizes[i] + page - 1) & ~(page - 1));
		put(p);
		put(q);
	}
	return good;
}

int main(void)
{
	size_t align;
	int n = 0;

	for (align = 1; align <= MAX_ALIGN; align *= 2)
		n++;
	ksft_print_header();
	ksft_set_plan(n + 5);
	for (align = 1; align <= MAX_ALIGN; align *= 2)
		ksft_test_result(alignment_holds(align), "alignment %zu", align);
	ksft_test_result(malloc_is_aligned(), "malloc and calloc align to 16, to 8 up to 8 bytes");
	ksft_test_result(bad_alignment_is_refused(), "what is no power of two gives EINVAL");
	ksft_test_result(posix_memalign_wants_pointer_size(),
			 "posix_memalign leaves *out and errno alone when it fails");
	ksft_test_result(memalign_rounds_up(), "memalign rounds an odd alignment up");
	ksft_test_result(page_functions(), "valloc and pvalloc give pages");
	ksft_finished();
}
