// SPDX-License-Identifier: MIT
/*
 * A CPU's caches of collected objects lie idle while so many snapshots are taken that the
 * numbers of generations come round again: no block keeps its number for longer than half of
 * that.
 */
#include "unit.h"

#include <lane/lane_gc.h>

#include "collected.h"
#include "hot.h"
#include "lanes.h"

#define PERIOD (1u << WORD_GEN_BITS)

static unsigned int blocks, too_old;

static void look_at(struct cpu_cache *cache)
{
	for (u64 used = cache->used; used; used &= used - 1) {
		u64 word = cache_block(cache, (u32)__builtin_ctzll(used))->word;
		u32 age = ((u32)hot.gen - word_gen(word)) & WORD_GEN_MASK;

		blocks++;
		too_old += word_gen(word) != GEN_NEVER && age >> WORD_IDX_BITS > PERIOD / 2 + 1;
	}
}

static void look(void)
{
	for (u32 i = 0; i < nr_lanes; i++) {
		for (u32 kind = 0; lanes[i].collected && kind < COLLECTED_KINDS; kind++)
			look_at(collected_cache(&lanes[i], kind));
	}
}

int main(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	static struct snap snap;
	int allocated = 0;

	ksft_print_header();
	ksft_set_plan(2);
	if (lane_gc_init(&o) || lane_gc_attach())
		ksft_exit_fail_msg("no collected heap");
	for (int i = 0; i < 100; i++)
		allocated += lane_gc_alloc_conservative(64) != NULL;
	look();
	ksft_test_result(allocated == 100 && blocks > 0, "blocks of collected objects are in use");
	for (unsigned int i = 0; i < 2 * PERIOD; i++) {
		snap_read(&snap);
		look();
	}
	ksft_print_msg("%u looks at blocks, %u too old", blocks, too_old);
	ksft_test_result(too_old == 0, "none keeps its number too long");
	ksft_finished();
}
