// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: check LANE_CONF=check:full
/* calloc gives zeros also where the memory was in use and dirty before. */
#include "common.h"

#define BLOCKS 256

/* Dirty whole blocks of @size, free them, and look at what calloc gives. */
static bool zero_after_reuse(size_t size)
{
	size_t n = size > KIB(64) ? 8 : BLOCKS;
	void *p[BLOCKS];
	bool good = true;

	for (size_t i = 0; i < n; i++) {
		p[i] = get(size);
		memset(p[i], 0xff, malloc_usable_size(p[i]));
	}
	for (size_t i = 0; i < n; i++)
		put(p[i]);
	for (size_t i = 0; i < n; i++) {
		p[i] = opaque(calloc(opaque_size(size), 1));
		good &= p[i] && all_zero(p[i], size);
		memset(p[i], 0xff, malloc_usable_size(p[i]));
	}
	for (size_t i = 0; i < n; i++)
		put(p[i]);
	return good;
}

/* A large free range that was split and partly given back to the system. */
static bool zero_after_trim(void)
{
	bool good = true;

	for (int round = 0; round < 6; round++) {
		unsigned char *p = get(MIB(9)), *q, *r;

		memset(p, 0xff, MIB(9));
		put(p);
		if (round & 1)
			malloc_trim(0);
		q = opaque(calloc(3, opaque_size(MIB(1))));
		r = opaque(calloc(opaque_size(MIB(5)), 1));
		good &= q && r && all_zero(q, MIB(3)) && all_zero(r, MIB(5));
		memset(q, 0xff, MIB(3));
		memset(r, 0xff, MIB(5));
		put(q);
		put(r);
	}
	return good;
}

static bool random_mix(uint64_t seed)
{
	static unsigned char *p[512];
	static size_t room[512];
	uint64_t rng = seed | 1;
	int rounds = ksft_quick() ? 20000 : 150000;
	bool good = true;

	for (int i = 0; i < rounds && good; i++) {
		size_t slot = ksft_random(&rng) % ARRAY_SIZE(p);
		size_t size = random_size(&rng);

		if (size > KIB(256) && i % 8)
			size &= 0xffff;
		put(p[slot]);
		p[slot] = opaque(calloc(1, opaque_size(size)));
		good = p[slot] && all_zero(p[slot], size);
		room[slot] = malloc_usable_size(p[slot]);
		memset(p[slot], 0xff, room[slot]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	return good;
}

int main(void)
{
	static const size_t sizes[] = {1,	 7,	 8,	  16,	     24,       48,
				       100,	 1000,	 1024,	  4000,	     4096,     5000,
				       8192,	 20000,	 KIB(32), KIB(64),   KIB(100), KIB(256),
				       KIB(257), MIB(1), MIB(3),  MIB(2) + 1};

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(sizes) + 2);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		ksft_test_result(zero_after_reuse(sizes[i]), "%zu bytes, reused", sizes[i]);
	ksft_test_result(zero_after_trim(), "large blocks after splits and malloc_trim");
	ksft_test_result(random_mix(ksft_seed()), "random sizes, everything dirty");
	ksft_finished();
}
