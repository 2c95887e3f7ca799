// SPDX-License-Identifier: MIT
#include "rseq_abi.h"

#include <errno.h>
#include <sys/auxv.h>

#include "barrier.h"
#include "rseq_ops.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

/* glibc 2.35 and later; absent elsewhere. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* Fields up to mm_cid are used: cpu_id_start .. cs end at 20 with flags. */
#define SIZE_BASE 20u
#define SIZE_MM_CID 28u

/*
 * glibc says 32 (2.35-2.39) or 20 (2.40) whatever the kernel fills in; the
 * auxiliary vector knows (Linux 6.3). Later ones say what is there.
 */
static unsigned int usable_size(void)
{
	unsigned int size = __rseq_size, features;
	int saved_errno = errno;

	if (size != 20 && size != 32)
		return size;
	features = (unsigned int)getauxval(AT_RSEQ_FEATURE_SIZE);
	errno = saved_errno; /* ENOENT where there is none */
	return min(32u, features ? features : SIZE_BASE);
}

struct rseq_area rseq_area_find(void)
{
	struct rseq_area a = {0};
	const char *area;

	if (RSEQ_ARCH[0] == 'n') {
		a.reason = "built without restartable sequences";
		return a;
	}
	if (!&__rseq_offset || !&__rseq_size) {
		a.reason = "the C library has no rseq (glibc 2.35 has)";
		return a;
	}
	if (!__rseq_size) {
		a.reason = "rseq is not registered (kernel, filter or glibc.pthread.rseq=0)";
		return a;
	}
	a.offset = __rseq_offset;
	area = (const char *)__builtin_thread_pointer() + a.offset;
	if (READ_ONCE(*(const s32 *)(area + RSEQ_OFF_CPU_ID)) < 0) {
		a.reason = "rseq registration failed";
		return a;
	}
	a.usable = usable_size() >= SIZE_BASE;
	if (!a.usable)
		a.reason = "the rseq area is too small";
	a.has_mm_cid = usable_size() >= SIZE_MM_CID;
	return a;
}
