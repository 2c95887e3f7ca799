// SPDX-License-Identifier: MIT
/*
 * A batch of no objects moves none, and nothing else either. A thread may come to ask for one: it
 * found a block without room, which was drained then, and goes on on another CPU.
 */
#include "unit.h"

#include "cpu_block.h"
#include "lanes.h"
#include "rseq_ops.h"
#include "space.h"

#define SIZE 100
#define OBJECTS 8

int main(void)
{
	static struct snap before, after;
	void *objs[OBJECTS], *out[OBJECTS] = {NULL};
	struct lane *l;
	struct rseq_batch b;
	u32 cls, home, cached;

	ksft_print_header();
	unit_no_background();
	unit_pin(0);
	lane_free(lane_malloc(SIZE));
	if (lanes_locked())
		ksft_exit_skip("no restartable sequences in this mode");
	ksft_set_plan(3);
	for (int i = 0; i < OBJECTS; i++)
		objs[i] = lane_malloc(SIZE);
	cls = span_of(objs[0])->cls;
	for (int i = 0; i < OBJECTS; i++)
		lane_free(objs[i]);
	snap_read(&before);
	lane_free(lane_malloc(SIZE)); /* the block is in the snapshot's generation */
	l = this_lane();
	home = l->home;
	cached = word_idx(cache_block(lane_cache(l, home), cls)->word);
	b = (struct rseq_batch){.block = block_of(home, cls),
				.book = home_offset(home) + book_offset(cls),
				.objs = out + OBJECTS / 2,
				.home_tag = home + 1,
				.table = hot.caches};
	ksft_test_result(cached && !rseq_flush(&b) && !out[OBJECTS / 2 - 1],
			 "nothing is taken from a block of %u", cached);
	ksft_test_result(!rseq_refill(&b) &&
				 word_idx(cache_block(lane_cache(l, home), cls)->word) == cached,
			 "nothing is put there");
	snap_read(&after);
	ksft_test_result(unit_books_right() && !unit_live() &&
				 after.classes[cls - 1].cpu_cached ==
					 before.classes[cls - 1].cpu_cached,
			 "the books are right");
	ksft_finished();
}
