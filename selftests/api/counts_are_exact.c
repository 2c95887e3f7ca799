// SPDX-License-Identifier: MIT
// variant: no-rseq GLIBC_TUNABLES=glibc.pthread.rseq=0 QUICK=1
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cpu LANE_CONF=mode:rseq QUICK=1
// variant: cid LANE_CONF=mode:cid QUICK=1
// variant: prof LANE_CONF=prof_rate:1024
/*
 * In one thread every malloc and every free is counted once, in its class;
 * bytes follow. Nothing else moves.
 */
#include "snapshot.h"

static struct snap before, after;

static unsigned int large_class(void)
{
	return before.st.nr_classes - 1;
}

/* True where exactly @mallocs and @frees happened in @class and none elsewhere. */
static bool only(unsigned int class, uint64_t mallocs, uint64_t frees)
{
	struct snap_fault f = {0};

	for (unsigned int c = 0; c < after.st.nr_classes; c++) {
		uint64_t m = c == class ? mallocs : 0;
		uint64_t d = c == class ? frees : 0;

		snap_same(&f, "class mallocs", after.classes[c].mallocs,
			  before.classes[c].mallocs + m);
		snap_same(&f, "class frees", after.classes[c].frees, before.classes[c].frees + d);
		if (after.classes[c].size)
			snap_same(&f, "class in_use", after.classes[c].in_use,
				  before.classes[c].in_use + (m - d) * after.classes[c].size);
	}
	snap_same(&f, "mallocs", after.st.mallocs, before.st.mallocs + mallocs);
	snap_same(&f, "frees", after.st.frees, before.st.frees + frees);
	return f.count == 0 && snap_good(&after);
}

static bool every_class_counts(void)
{
	enum { N = 300 };
	static void *p[N];
	bool good = true;

	for (unsigned int c = 0; c < large_class() && good; c++) {
		size_t size = before.classes[c].size;
		unsigned int n = size > KIB(32) ? 20 : N;

		snap_read(&before);
		for (unsigned int i = 0; i < n; i++)
			p[i] = get(size -
				   (i % 3 == 0 && c > 0 && size - 1 > before.classes[c - 1].size));
		snap_read(&after);
		good &= only(c, n, 0);
		snap_read(&before);
		for (unsigned int i = 0; i < n; i++)
			put(p[(i * 7) % n]);
		snap_read(&after);
		good &= only(c, 0, n);
		if (!good)
			ksft_print_msg("class %u of %zu bytes", c, size);
	}
	return good;
}

static bool large_counts(void)
{
	static const size_t sizes[] = {KIB(400), MIB(1), MIB(2), MIB(3) + 1, MIB(40)};
	void *p[ARRAY_SIZE(sizes)];
	size_t room = 0;
	bool good = true;

	snap_read(&before);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = get(sizes[i]);
		room += malloc_usable_size(p[i]);
	}
	snap_read(&after);
	good &= only(large_class(), ARRAY_SIZE(sizes), 0);
	good &= after.classes[large_class()].in_use == before.classes[large_class()].in_use + room;
	snap_read(&before);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		put(p[i]);
	snap_read(&after);
	good &= only(large_class(), 0, ARRAY_SIZE(sizes));
	return good &&
	       after.classes[large_class()].in_use + room == before.classes[large_class()].in_use;
}

struct expected {
	uint64_t mallocs;
	uint64_t frees;
};

static bool call_counts(const char *what, struct expected want)
{
	bool good;

	snap_read(&after);
	good = after.st.mallocs == before.st.mallocs + want.mallocs &&
	       after.st.frees == before.st.frees + want.frees && snap_good(&after);
	if (!good)
		ksft_print_msg("%s: %lld mallocs, %lld frees", what,
			       (long long)(after.st.mallocs - before.st.mallocs),
			       (long long)(after.st.frees - before.st.frees));
	snap_read(&before);
	return good;
}

static bool every_call_counts(void)
{
	void *p, *q = NULL;
	bool good = true;

	snap_read(&before);
	p = opaque(calloc(10, opaque_size(10)));
	good &= call_counts("calloc", (struct expected){1, 0});
	p = opaque(realloc(p, opaque_size(101)));
	good &= call_counts("realloc in place", (struct expected){0, 0});
	p = opaque(realloc(p, opaque_size(5000)));
	good &= call_counts("realloc that moves", (struct expected){1, 1});
	p = opaque(reallocarray(p, 2, opaque_size(MIB(1))));
	good &= call_counts("reallocarray to large", (struct expected){1, 1});
	free(p);
	good &= call_counts("free of large", (struct expected){0, 1});
	free(NULL);
	good &= call_counts("free of NULL", (struct expected){0, 0});
	p = opaque(realloc(NULL, opaque_size(10)));
	good &= call_counts("realloc of NULL", (struct expected){1, 0});
	good &= opaque(realloc(p, opaque_size(0))) == NULL;
	good &= call_counts("realloc to 0", (struct expected){0, 1});
	p = opaque(aligned_alloc(4096, opaque_size(100)));
	good &= call_counts("aligned_alloc", (struct expected){1, 0});
	good &= posix_memalign(&q, MIB(1), 100) == 0;
	good &= call_counts("posix_memalign", (struct expected){1, 0});
	put(p);
	put(q);
	good &= call_counts("free of both", (struct expected){0, 2});
	p = opaque(malloc(opaque_size(PTRDIFF_MAX)));
	good &= call_counts("malloc that fails", (struct expected){0, 0});
	good &= p == NULL && opaque(calloc(opaque_size(SIZE_MAX), 2)) == NULL;
	good &= call_counts("calloc that overflows", (struct expected){0, 0});
	for (int i = 0; i < 10; i++)
		lane_release(SIZE_MAX);
	good &= call_counts("lane_release", (struct expected){0, 0});
	return good;
}

/* Long enough to fill and empty caches and to drain them between. */
static bool many_random_counts(uint64_t seed)
{
	static void *p[2000];
	uint64_t rng = seed | 1, mallocs = 0, frees = 0;
	bool good = true;

	snap_read(&before);
	for (int i = 0; i < (ksft_quick() ? 100000 : 1000000); i++) {
		size_t slot = ksft_random(&rng) % ARRAY_SIZE(p);

		if (p[slot]) {
			put(p[slot]);
			p[slot] = NULL;
			frees++;
		} else {
			p[slot] = get(random_size(&rng));
			mallocs++;
		}
		if (i % 20000 == 0)
			lane_release(i % 40000 ? SIZE_MAX : KIB(100));
		if (i % 5000 == 0) {
			snap_read(&after);
			good &= snap_good(&after) &&
				after.st.mallocs == before.st.mallocs + mallocs &&
				after.st.frees == before.st.frees + frees;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		frees += p[i] != NULL;
		put(p[i]);
	}
	snap_read(&after);
	return good && after.st.mallocs == before.st.mallocs + mallocs &&
	       after.st.frees == before.st.frees + frees && mallocs == frees;
}

int main(void)
{
	uint64_t seed;

	ksft_print_header();
	ksft_set_plan(4);
	seed = ksft_seed();
	snap_read(&before);
	ksft_test_result(every_class_counts(), "every class counts its own objects");
	ksft_test_result(large_counts(), "large objects and their bytes");
	ksft_test_result(every_call_counts(), "every function counts what it does");
	ksft_test_result(many_random_counts(seed), "a million random operations");
	ksft_finished();
}
