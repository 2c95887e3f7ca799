// SPDX-License-Identifier: MIT
/*
 * A tree that is marked depth first never fills a buffer: markers who found nothing get half of
 * what another one holds, and only they.
 */
#include "unit.h"

#include <lane/lane_gc.h>

#include "mark.h"
#include "slow_path.h"

#define DEPTH 12
#define NODES ((2u << DEPTH) - 1)
#define SOME 20000 /* bytes: a part of the tree */

struct node {
	struct node *child[2];
};

static const struct lane_gc_type *type;

static struct node *grow(unsigned int depth)
{
	struct node *n = lane_gc_alloc(type);

	for (int i = 0; depth && i < 2; i++)
		lane_gc_write((void **)&n->child[i], grow(depth - 1));
	return n;
}

/* A part of the tree at @root, then what is in the queues by another marker, then the rest. */
static void mark_by_two(struct node *root, u64 *first, u64 *second, bool *shared)
{
	struct lane_gc_tracer a, b;

	slow_enter_always();
	WRITE_ONCE(gc.flipped, 1); /* as in a cycle */
	mark_begin(&a);
	mark_reference(&a, (uintptr_t)root);
	mark_some(&a, SOME, UINT64_MAX);
	*shared = queue_has_work();
	mark_begin(&b);
	mark_some(&b, UINT64_MAX, UINT64_MAX);
	mark_some(&a, UINT64_MAX, UINT64_MAX);
	*first = a.marked;
	*second = b.marked;
	mark_end(&b);
	mark_end(&a);
	WRITE_ONCE(gc.flipped, 0);
	slow_exit();
}

int main(void)
{
	const struct lane_gc_options options = {.sz = sizeof(options), .percent = -1};
	const struct lane_gc_layout layout = {.sz = sizeof(layout),
					      .name = "node",
					      .size = sizeof(struct node),
					      .bitmap = &(uint64_t){3},
					      .bitmap_bits = 2};
	u64 all = (u64)NODES * sizeof(struct node), first, second;
	bool shared;

	ksft_set_plan(2);
	if (lane_gc_init(&options) || lane_gc_attach() || lane_gc_type_create(&layout, &type))
		ksft_exit_fail_msg("no collected heap");
	mark_by_two(grow(DEPTH), &first, &second, &shared);
	ksft_test_result(!shared && first == all && !second,
			 "where nobody is hungry a marker keeps what it has");

	WRITE_ONCE(mark_hungry, 1);
	mark_by_two(grow(DEPTH), &first, &second, &shared);
	WRITE_ONCE(mark_hungry, 0);
	ksft_print_msg("%llu bytes by the first, %llu by the second\n", (unsigned long long)first,
		       (unsigned long long)second);
	ksft_test_result(shared && first + second == all && second > SOME,
			 "who found nothing gets a part of the tree from who has it");
	ksft_finished();
}
