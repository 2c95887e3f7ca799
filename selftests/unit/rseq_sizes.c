// SPDX-License-Identifier: MIT
/*
 * What Lane makes of the rseq area, by the size that the C library and the
 * size that the kernel say: glibc before 2.40 says 32 and later 20 whatever the
 * kernel fills in, the auxiliary vector (Linux 6.3) knows, and larger sizes are
 * as they are said.
 */
#include "unit.h"

#include <dlfcn.h>
#include <sys/auxv.h>

#include "rseq_abi.h"
#include "rseq_ops.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

/* In place of the C library's. */
unsigned int __rseq_size = 32;
ptrdiff_t __rseq_offset;

/* Before Lane's own constructor: what the C library says. */
__attribute__((constructor(101))) static void find_offset(void)
{
	const ptrdiff_t *real = dlsym(RTLD_NEXT, "__rseq_offset");

	if (real)
		__rseq_offset = *real;
}
static unsigned long feature_size;

unsigned long getauxval(unsigned long type)
{
	static unsigned long (*real)(unsigned long);

	if (type == AT_RSEQ_FEATURE_SIZE)
		return feature_size;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "getauxval");
	return real(type);
}

static const struct {
	unsigned int size;
	unsigned long feature;
	bool usable, has_mm_cid;
	const char *who;
} cases[] = {
	{0, 0, false, false, "not registered"},
	{0, 32, false, false, "not registered, on a kernel that could"},
	{32, 0, true, false, "glibc 2.35 before Linux 6.3"},
	{20, 0, true, false, "glibc 2.40 before Linux 6.3"},
	{32, 20, true, false, "a kernel that says 20"},
	{32, 24, true, false, "node_id and no mm_cid"},
	{32, 28, true, true, "glibc 2.35 on Linux 6.3"},
	{20, 28, true, true, "glibc 2.40 on Linux 6.3"},
	{32, 33, true, true, "a kernel with more fields than are registered"},
	{16, 16, false, false, "an area that is too small"},
	{28, 28, true, true, "a C library that says what there is"},
	{33, 33, true, true, "a longer area"},
	{64, 40, true, true, "a much longer one"},
};

/* As where a filter refuses rseq: the area is there, and its cpu_id is none. */
static bool refused_later(void)
{
	static s32 area[8] __attribute__((aligned(32))) = {[RSEQ_OFF_CPU_ID / 4] = -2};
	volatile ptrdiff_t *offset = &__rseq_offset;
	ptrdiff_t real = *offset;
	struct rseq_area a;

	*(volatile unsigned int *)&__rseq_size = 32;
	*offset = (char *)area - (char *)__builtin_thread_pointer();
	a = rseq_area_find();
	*offset = real;
	return !a.usable && !strcmp(a.reason, "rseq registration failed");
}

int main(void)
{
	volatile unsigned int *size = &__rseq_size;

	ksft_print_header();
	lane_free(lane_malloc(1));
	if (RSEQ_ARCH[0] == 'n')
		ksft_exit_skip("built without restartable sequences");
	*size = 32;
	if (!rseq_area_find().usable)
		ksft_exit_skip("%s", rseq_area_find().reason);
	ksft_set_plan(1 + ARRAY_SIZE(cases));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rseq_area a;

		*size = cases[i].size;
		feature_size = cases[i].feature;
		a = rseq_area_find();
		ksft_test_result(a.usable == cases[i].usable &&
					 (!a.usable || a.has_mm_cid == cases[i].has_mm_cid) &&
					 (a.usable || a.reason),
				 "%s", cases[i].who);
	}
	ksft_test_result(refused_later(), "the kernel refused what the C library offers");
	ksft_finished();
}
