// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * What CPUs may cache: capacities grow with use, never beyond the class's or
 * the budgets', are the sum of what is granted, and go back whole when the CPUs
 * are drained.
 */
#include "unit.h"

#include <lane/lane_prof.h>

#include "conf.h"
#include "cpu_capacity.h"
#include "node_heap.h"
#include "release.h"
#include "slow_path.h"

#define THREADS 4

static bool arithmetic(void)
{
	for (u32 c = 1; c < NR_CLASSES; c++) {
		u32 cap = capacity_first(c), steps = 0;

		if (cap < 2 || cap > size_classes[c].cap_max ||
		    capacity_outgoing(c) > size_classes[c].cap_max || !capacity_outgoing(c))
			return false;
		while (capacity_next(c, cap) > cap && steps++ < 20) {
			u32 batch = capacity_batch(cap);

			if (batch < 1 || batch > cap || batch > CAPACITY_BATCH_MAX)
				return false;
			cap = capacity_next(c, cap);
		}
		if (cap != size_classes[c].cap_max)
			return false;
	}
	return capacity_batch(0) == 1 && capacity_batch(1) == 1 &&
	       capacity_batch(UINT32_MAX / 2) == CAPACITY_BATCH_MAX;
}

/* Granted is what the blocks have; returns false where it is not. */
static bool sums_match(void)
{
	s64 total = 0;

	for (u32 i = 0; i < nr_lanes; i++) {
		s64 granted = 0;

		for (u32 rows = lane_rows(&lanes[i]); rows; rows &= rows - 1) {
			struct cpu_cache *cache = lane_cache(&lanes[i], (u32)__builtin_ctz(rows));

			for (u32 c = 1; c < NR_CLASSES; c++)
				granted += (s64)cache_block(cache, c)->cap * size_classes[c].size;
		}
		if (granted != lanes[i].granted)
			return false;
		total += granted;
	}
	return total == capacity_total;
}

static void *churn(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	void *p[2000] = {0};

	for (int i = 0; i < 200000; i++) {
		uint64_t r = ksft_random(&rng);
		void **slot = &p[r % ARRAY_SIZE(p)];

		lane_free(*slot);
		*slot = r >> 40 & 1 ? lane_malloc(1 + (r >> 20) % SMALL_MAX) : NULL;
		if (i % 20000 == 0)
			unit_pin((unsigned int)(r >> 50));
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		lane_free(p[i]);
	return NULL;
}

static void churn_in_threads(uint64_t *rng)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], churn, (void *)(uintptr_t)(ksft_random(rng) | 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

/* Bytes of first grants, which are not refused, for all classes and homes of a CPU. */
static u64 first_grants(void)
{
	u64 bytes = 0;

	for (u32 c = 1; c < NR_CLASSES; c++)
		bytes += (capacity_first(c) + (u64)(nr_homes - 1) * capacity_outgoing(c)) *
			 size_classes[c].size;
	return bytes;
}

static bool within_budget(u64 each, u64 all)
{
	/* Threads that look at the same time may each go one step beyond. */
	u64 slack = first_grants() + THREADS * SMALL_MAX * 2;

	for (u32 i = 0; i < nr_lanes; i++) {
		if (lanes[i].granted < 0 || (u64)lanes[i].granted > each + slack)
			return false;
	}
	return (u64)capacity_total <= all + nr_lanes * slack;
}

static void drain_all(void)
{
	slow_enter();
	release_caches();
	slow_exit();
}

/*
 * A block that loses its capacity before its first roll (pack.h), and gets another, while a section
 * that saw the first is about to roll it: that stores the word as it was, with what it began at.
 */
static bool begins_once(void)
{
	static struct snap before, after;
	struct lane *l = &lanes[0];
	struct cpu_block *block;
	bool right;
	u64 word;

	if (lane_prof_set_rate(1 << 30))
		return false;
	snap_read(&before);
	slow_enter_always();
	right = lane_prepare(l, l->home, NR_SMALL);
	block = cache_block(lane_cache(l, l->home), NR_SMALL);
	word = block->word;
	right &= word_pops(word) != 0;
	capacity_revoke(l, block, NR_SMALL);
	right &= lane_prepare(l, l->home, NR_SMALL);
	block->word = word;
	slow_exit();
	snap_read(&after);
	right &= after.st.mallocs == before.st.mallocs && unit_books_right();
	return !lane_prof_set_rate(0) && right;
}

int main(void)
{
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(7);
	rng = ksft_seed() | 1;
	lane_free(lane_malloc(1));
	ksft_test_result(begins_once(), "a block's pops begin once, also for a section under way");
	ksft_test_result(arithmetic(), "capacities and batches stay within bounds");
	churn_in_threads(&rng);
	ksft_print_msg("granted to all CPUs: %lld KiB", (long long)capacity_total >> 10);
	ksft_test_result(sums_match() && capacity_total > 0, "granted is what the blocks have");
	ksft_test_result(within_budget(conf.cpu_cache_max, conf.cpu_cache_total),
			 "within the budgets");
	drain_all();
	ksft_test_result(sums_match() && capacity_total == 0 && unit_books_right(),
			 "drained: nothing is granted");
	conf.cpu_cache_max = KIB(64);
	conf.cpu_cache_total = KIB(96);
	churn_in_threads(&rng);
	ksft_print_msg("granted to all CPUs: %lld KiB", (long long)capacity_total >> 10);
	ksft_test_result(sums_match() && within_budget(KIB(64), KIB(96)), "within small budgets");
	drain_all();
	ksft_test_result(sums_match() && capacity_total == 0 && unit_live() == 0 &&
				 unit_books_right(),
			 "drained again: nothing is granted");
	ksft_finished();
}
