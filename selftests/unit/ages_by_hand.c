// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: cid LANE_CONF=mode:cid
/*
 * Where nobody reads, the tick begins a generation a minute, and rolls the blocks whose number is
 * so old that it might come up again: those alone, malloc's and collected objects'. The clock and
 * the generation are set by hand. Where membarrier is refused, a block is left as it is.
 */
#include "unit.h"

#include <lane/lane_gc.h>

#include "collected.h"
#include "lanes.h"
#include "os.h"
#include "slow_path.h"
#include "snapshot.h"

#define SIZE 200
#define MINUTE 60000ULL
#define HALF ((1u << WORD_GEN_BITS) / 2)

static u64 now = 1ULL << 40; /* ms */

static void tick_at(u64 ms)
{
	slow_enter_always();
	snapshot_age(ms);
	slow_exit();
}

/* How many generations begin. */
static u64 generations_at(u64 ms)
{
	u64 before = hot.gen;

	tick_at(ms);
	return (hot.gen - before) >> WORD_IDX_BITS;
}

static bool is_each_minute(void)
{
	bool right = generations_at(now) == 1 && generations_at(now) == 0 &&
		     generations_at(now + MINUTE - 1) == 0 && generations_at(now + MINUTE) == 1 &&
		     generations_at(now + MINUTE + 1) == 0;

	now += MINUTE;
	return right;
}

/* A reader has begun one already. */
static bool is_not_while_read(void)
{
	u64 begun;

	snapshot_lock();
	begun = generations_at(now + MINUTE);
	snapshot_unlock();
	begun += 10 * generations_at(now + MINUTE);
	now += MINUTE;
	return begun == 10;
}

/* The generation is @age ahead of the block's after the next tick. */
static void set_age(const struct cpu_block *b, u32 age)
{
	u64 whole = hot.gen & ~(u64)WORD_GEN_MASK, number = word_gen(b->word) >> WORD_IDX_BITS;

	hot.gen = whole + ((number + age - 1) << WORD_IDX_BITS);
}

static bool is_of_now(const struct cpu_block *b)
{
	return word_gen(b->word) == ((u32)hot.gen & WORD_GEN_MASK);
}

static u32 age_of(const struct cpu_block *b)
{
	return (((u32)hot.gen - word_gen(b->word)) & WORD_GEN_MASK) >> WORD_IDX_BITS;
}

/* Rolled at the first tick that finds it older than half of the numbers, and not before. */
static bool is_rolled_in_time(const struct cpu_block *b)
{
	u32 objects = word_idx(b->word);
	bool right;

	set_age(b, HALF);
	tick_at(now += MINUTE);
	right = age_of(b) == HALF;
	tick_at(now += MINUTE);
	return right && is_of_now(b) && word_idx(b->word) == objects;
}

/* In a child: it can stop no CPU any more. */
static int refused(int cmd)
{
	(void)cmd;
	return -EPERM;
}

static void tick_refused(void *block)
{
	struct cpu_block *b = block;

	os.membarrier = refused;
	set_age(b, HALF + 1);
	tick_at(now += MINUTE);
	if (age_of(b) != HALF + 1)
		_exit(1);
	lane_free(lane_malloc(SIZE));
	_exit(is_of_now(b) ? 0 : 2);
}

static void test_refused(struct cpu_block *b)
{
	char text[512];
	int status;

	if (lanes_locked()) {
		ksft_test_result_skip("lock mode needs no membarrier");
		return;
	}
	status = unit_stderr_of(tick_refused, b, text, sizeof(text));
	ksft_test_result(status == 0 && strstr(text, "membarrier worked at start and is refused"),
			 "where membarrier is refused it stays, and its CPU rolls it: %#x", status);
}

/* The one block in use of collected objects. */
static struct cpu_block *collected_block_of(struct lane *l)
{
	for (u32 kind = 0; l->collected && kind < COLLECTED_KINDS; kind++) {
		struct cpu_cache *c = collected_cache(l, kind);

		if (c->used)
			return cache_block(c, (u32)__builtin_ctzll(c->used));
	}
	ksft_exit_fail_msg("no block of collected objects");
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	struct cpu_block *block, *collected;
	struct lane *l;

	(void)argc;
	unit_conf(argv, "mode:rseq");
	ksft_print_header();
	unit_no_background();
	ksft_set_plan(6);
	unit_pin(0);
	lane_free(lane_malloc(SIZE));
	l = this_lane();
	block = cache_block(lane_cache(l, l->home), size_to_class(SIZE));
	ksft_test_result(is_each_minute(), "a generation begins each minute, by the tick's clock");
	ksft_test_result(is_not_while_read(), "but none while a reader is at it");
	ksft_test_result(is_rolled_in_time(block), "a block is rolled before its number comes up");
	test_refused(block);
	if (lane_gc_init(&o) || lane_gc_attach() || !lane_gc_alloc_conservative(SIZE))
		ksft_exit_fail_msg("no collected heap");
	collected = collected_block_of(l);
	ksft_test_result(is_rolled_in_time(collected), "one of collected objects, too");
	ksft_test_result(unit_books_right() && unit_live() == 0, "quiet: snapshot and walk agree");
	ksft_finished();
}
