// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: check LANE_CONF=check:full
/*
 * malloc_usable_size() is at least what was asked for, is the block's own to
 * the last byte, and little above what was asked for.
 */
#include "snapshot.h"

static struct snap snap;

static bool whole_room_is_own(uint64_t seed)
{
	enum { N = 4000 };
	static unsigned char *p[N];
	static size_t room[N];
	uint64_t rng = seed | 1;
	bool good = true;

	for (int i = 0; i < N; i++) {
		size_t size = i < 2100 ? (size_t)i : random_size(&rng);

		p[i] = get(size);
		room[i] = malloc_usable_size(p[i]);
		good &= p[i] && room[i] >= size;
		pattern_fill(p[i], room[i], i);
	}
	for (int i = 0; i < N; i++) {
		good &= malloc_usable_size(p[i]) == room[i];
		good &= pattern_holds(p[i], room[i], i);
		put(p[i]);
	}
	return good;
}

/* The usable size is what the statistics call bytes of size class. */
static bool room_is_class_size(void)
{
	bool good = true;

	snap_read(&snap);
	for (unsigned int c = 0; c + 1 < snap.st.nr_classes; c++) {
		size_t size = snap.classes[c].size;
		void *p = get(size), *q = get(size - 1);

		if (malloc_usable_size(p) != size || malloc_usable_size(q) > size) {
			ksft_print_msg("class of %zu: usable %zu", size, malloc_usable_size(p));
			good = false;
		}
		put(p);
		put(q);
	}
	return good;
}

static bool waste_is_bounded(void)
{
	bool good = true;

	for (size_t size = 1; size < MIB(4); size += size < 4096 ? 1 : size / 61) {
		void *p = get(size);
		size_t room = malloc_usable_size(p);

		if (room > size + 16 && room > size + size / 3) {
			ksft_print_msg("%zu bytes take %zu", size, room);
			good = false;
		}
		put(p);
	}
	return good;
}

static bool calls_with_size(void)
{
	static const size_t sizes[] = {0, 1, 8, 9, 24, 100, 1000, 5000, 33000, 262144, 5000000};
	static const size_t aligns[] = {8, 16, 64, 4096, KIB(64), MIB(2)};
	struct snap *s = &snap;
	uint64_t live, mallocs, frees;
	const uint64_t n = ARRAY_SIZE(sizes) * (3 + 2 * ARRAY_SIZE(aligns));

	snap_read(s);
	live = s->st.live_objects;
	mallocs = s->st.mallocs;
	frees = s->st.frees;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = opaque_size(sizes[i]);

		free_sized(opaque(malloc(size)), size);
		free_sized(opaque(calloc(1, size)), size);
		lane_free_sized(opaque(realloc(NULL, size)), size);
		for (size_t j = 0; j < ARRAY_SIZE(aligns); j++) {
			size_t align = opaque_size(aligns[j]);

			free_aligned_sized(opaque(aligned_alloc(align, size)), align, size);
			lane_free_aligned_sized(opaque(lane_aligned_alloc(align, size)), align,
						size);
		}
	}
	free_sized(NULL, opaque_size(10));
	free_aligned_sized(NULL, 64, opaque_size(10));
	snap_read(s);
	return s->st.live_objects == live && s->st.mallocs == mallocs + n &&
	       s->st.frees == frees + n;
}

int main(void)
{
	uint64_t seed;

	ksft_print_header();
	ksft_set_plan(5);
	seed = ksft_seed();
	ksft_test_result(whole_room_is_own(seed), "the whole usable size belongs to the block");
	ksft_test_result(room_is_class_size(), "a size of a class takes exactly that class");
	ksft_test_result(waste_is_bounded(), "no block takes a third more than asked for");
	ksft_test_result(calls_with_size(), "free_sized and free_aligned_sized free");
	ksft_test_result(malloc_usable_size(NULL) == 0, "malloc_usable_size(NULL) is 0");
	ksft_finished();
}
