// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: check LANE_CONF=check:full
/* free keeps errno, also where it gives memory back; success leaves errno alone. */
#include "common.h"

static bool free_keeps_errno(size_t size)
{
	void *p[200];
	size_t n = size > MIB(1) ? 4 : ARRAY_SIZE(p);
	bool good = true;

	for (size_t i = 0; i < n; i++)
		p[i] = get(size);
	for (size_t i = 0; i < n; i++) {
		errno = 12345;
		put(p[i]);
		good &= errno == 12345;
	}
	errno = 4321;
	free(NULL);
	return good && errno == 4321;
}

static bool success_keeps_errno(void)
{
	bool good = true;

	for (size_t size = 1; size < MIB(8); size *= 3) {
		void *p;

		errno = 777;
		p = get(size);
		p = opaque(realloc(p, opaque_size(size * 2)));
		good &= p && errno == 777;
		free_sized(p, size * 2);
		good &= errno == 777;
	}
	errno = 777;
	malloc_trim(0);
	lane_release(SIZE_MAX);
	return good && errno == 777;
}

int main(void)
{
	static const size_t sizes[] = {1, 100, 5000, KIB(64), KIB(300), MIB(40)};

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(sizes) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		ksft_test_result(free_keeps_errno(sizes[i]), "free of %zu bytes keeps errno",
				 sizes[i]);
	ksft_test_result(success_keeps_errno(), "calls that succeed leave errno alone");
	ksft_finished();
}
