// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: check LANE_CONF=check:full QUICK=1
/* realloc keeps what fits of the old content, whatever classes it moves between. */
#include "snapshot.h"

#define MAX_SIZES 4096

static struct snap snap;
static size_t sizes[MAX_SIZES];
static size_t nr_sizes;

static void add_size(size_t size)
{
	if (nr_sizes < MAX_SIZES)
		sizes[nr_sizes++] = size;
}

/* Around every class boundary, and around the powers of two beyond the last. */
static void collect_sizes(void)
{
	add_size(1);
	for (unsigned int c = 0; c + 1 < snap.st.nr_classes; c++) {
		add_size(snap.classes[c].size - 1);
		add_size(snap.classes[c].size);
		add_size(snap.classes[c].size + 1);
	}
	for (size_t size = KIB(256); size <= MIB(8); size *= 2) {
		add_size(size - 1);
		add_size(size + 4097);
	}
}

static bool move_keeps(size_t from, size_t to)
{
	/* The last bytes of an odd size are filled bytewise: a cut keeps whole words. */
	size_t kept = from <= to ? from : to & ~(size_t)7;
	unsigned char *p = get(from);
	bool good;

	if (!p)
		return false;
	pattern_fill(p, from, from);
	p = opaque(realloc(p, opaque_size(to)));
	good = p && malloc_usable_size(p) >= to;
	good = good && pattern_holds(p, kept, from);
	if (good)
		memset(p, 0xee, malloc_usable_size(p));
	put(p);
	if (!good)
		ksft_print_msg("from %zu to %zu", from, to);
	return good;
}

static bool neighbours_keep(void)
{
	bool good = true;

	for (size_t i = 0; i + 1 < nr_sizes; i++)
		good &= move_keeps(sizes[i], sizes[i + 1]) && move_keeps(sizes[i + 1], sizes[i]);
	return good;
}

static bool random_pairs_keep(uint64_t seed)
{
	uint64_t rng = seed | 1;
	int rounds = ksft_quick() ? 2000 : 20000;
	bool good = true;

	for (int i = 0; i < rounds && good; i++) {
		size_t from = sizes[ksft_random(&rng) % nr_sizes];
		size_t to = sizes[ksft_random(&rng) % nr_sizes];

		if (from > MIB(1) && i % 16)
			continue;
		good &= move_keeps(from, to);
	}
	return good;
}

/* One block through all sizes up and down, its first bytes never lost. */
static bool long_life(void)
{
	unsigned char *p = get(1);
	bool good = p != NULL;

	p[0] = 0xa7;
	for (size_t i = 0; i < nr_sizes && good; i++) {
		p = opaque(realloc(p, opaque_size(sizes[i])));
		good = p && p[0] == 0xa7;
		if (good && sizes[i] > 1)
			p[sizes[i] - 1] = 0xb3;
	}
	for (size_t i = nr_sizes; i-- > 0 && good;) {
		p = opaque(realloc(p, opaque_size(sizes[i])));
		good = p && p[0] == 0xa7;
	}
	put(p);
	return good;
}

static bool small_steps_stay(void)
{
	bool good = true;

	for (size_t i = 0; i < nr_sizes; i++) {
		void *p = get(sizes[i]), *q;
		size_t room = malloc_usable_size(p);

		q = opaque(realloc(p, opaque_size(room)));
		good &= q == p;
		put(q);
	}
	return good;
}

static bool null_and_zero(void)
{
	void *p = opaque(realloc(NULL, opaque_size(100)));
	bool good = p && malloc_usable_size(p) >= 100;
	uint64_t live;

	snap_read(&snap);
	live = snap.st.live_objects;
	good &= opaque(realloc(opaque(p), opaque_size(0))) == NULL;
	snap_read(&snap);
	good &= snap.st.live_objects == live - 1;
	p = opaque(reallocarray(NULL, 10, opaque_size(10)));
	good &= p && malloc_usable_size(p) >= 100;
	put(p);
	return good;
}

static bool failure_keeps_block(void)
{
	static const size_t from[] = {10, 1000, KIB(40), MIB(3)};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		void *p = get(from[i]);

		pattern_fill(p, from[i], i);
		errno = 0;
		good &= !opaque(realloc(opaque(p), opaque_size(PTRDIFF_MAX))) && errno == ENOMEM;
		good &= pattern_holds(p, from[i], i);
		put(p);
	}
	return good;
}

static bool aligned_block_moves(void)
{
	void *p = opaque(aligned_alloc(KIB(64), opaque_size(5000)));
	bool good = p != NULL;

	pattern_fill(p, 5000, 3);
	p = opaque(realloc(p, opaque_size(900000)));
	good &= p && pattern_holds(p, 5000, 3);
	put(p);
	return good;
}

int main(void)
{
	uint64_t seed;

	ksft_print_header();
	ksft_set_plan(7);
	seed = ksft_seed();
	snap_read(&snap);
	collect_sizes();
	ksft_test_result(neighbours_keep(), "across every class boundary, both ways");
	ksft_test_result(random_pairs_keep(seed), "between random sizes");
	ksft_test_result(long_life(), "one block through all sizes, up and down");
	ksft_test_result(small_steps_stay(), "within the usable size the block stays in place");
	ksft_test_result(null_and_zero(), "NULL allocates, size 0 frees and gives NULL");
	ksft_test_result(failure_keeps_block(), "a failed realloc leaves the block as it was");
	ksft_test_result(aligned_block_moves(), "an aligned block keeps its content");
	ksft_finished();
}
