// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * A block's word counts 2^39 pops before its field is full. A program that
 * never runs a block empty or full gets there in half an hour; the total must
 * not fall. The field is set near its end here, its flow to match.
 */
#include "unit.h"

#include "lanes.h"

#define SIZE 160
#define FIELD (1ULL << (64 - WORD_POP_SHIFT))

static struct snap snap;

static const struct lane_class_stats *row(void)
{
	snap_read(&snap);
	return &snap.classes[snap_class(&snap, SIZE)];
}

/* As if @pops pops had been done; the flow goes back by what the word goes forward. */
static void set_pops(u64 pops)
{
	u32 cls = size_to_class(SIZE);
	struct cpu_cache *cache = lane_cache(this_lane(), 0);
	struct cpu_block *block = cache_block(cache, cls);
	u64 forward = pops - word_pops(block->word);

	cache->book[cls].flow[word_flip(block->word)].pops -= forward;
	block->word += forward << WORD_POP_SHIFT;
}

int main(void)
{
	uint64_t mallocs = 1, fell = 0, before = 0;

	ksft_print_header();
	ksft_set_plan(4);
	unit_pin(0);
	lane_free(lane_malloc(SIZE));
	ksft_test_result(row()->mallocs == 1 && row()->live == 0, "one malloc is counted");
	lane_free(lane_malloc(SIZE));
	mallocs++;
	set_pops(FIELD - 100);
	ksft_test_result(row()->mallocs == mallocs, "the field is nearly full, the total the same");
	for (int i = 0; i < 300; i++, mallocs++) {
		lane_free(lane_malloc(SIZE));
		if (i % 10)
			continue;
		fell += row()->mallocs < before;
		before = row()->mallocs;
	}
	ksft_print_msg("%llu mallocs done, %llu counted", (unsigned long long)mallocs,
		       (unsigned long long)row()->mallocs);
	ksft_test_result(fell == 0 && row()->mallocs == mallocs, "past its end nothing is lost");
	ksft_test_result(row()->live == 0 && snap_good(&snap), "the identities hold");
	ksft_finished();
}
