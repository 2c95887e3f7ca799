// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Types of one size that differ in which words are references, more of them than spans know
 * layouts of: each keeps what its references lead to and nothing else, though its other words
 * hold the addresses of garbage; also where the type is made while a cycle marks.
 */
#include "held.h"

#define WORDS 8u /* of an object */
#define TYPES (WORDS * (WORDS - 1) / 2)
#define EACH 200u /* objects of a type */

struct pairs {
	const struct lane_gc_type *type;
	unsigned int next, leaf; /* words that are references */
};

static struct pairs types[TYPES];
static void *root, *other; /* root ranges of one word */

static struct pairs make_type(unsigned int next, unsigned int leaf)
{
	struct pairs p = {NULL, next, leaf};
	uint64_t bits = 1ULL << next | 1ULL << leaf;
	struct lane_gc_layout l = {.sz = sizeof(l),
				   .name = "pairs",
				   .size = WORDS * sizeof(void *),
				   .bitmap = &bits,
				   .bitmap_bits = WORDS};

	if (lane_gc_type_create(&l, &p.type))
		ksft_exit_fail_msg("lane_gc_type_create");
	return p;
}

static void make_types(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < WORDS; i++) {
		for (unsigned int k = i + 1; k < WORDS; k++) {
			types[n] = make_type(n % 2 ? i : k, n % 2 ? k : i);
			n++;
		}
	}
}

/* Before the others in the list at @slot; its other words are the address of what is dropped. */
static __attribute__((noinline)) void put_first(void **slot, const struct pairs *p, uint64_t number)
{
	void **obj = lane_gc_alloc(p->type);
	uint64_t *leaf = lane_gc_alloc_noscan(64), *dropped = lane_gc_alloc_noscan(64);

	*leaf = number;
	for (unsigned int w = 0; w < WORDS; w++) {
		if (w != p->next && w != p->leaf)
			obj[w] = dropped;
	}
	lane_gc_write(&obj[p->leaf], leaf);
	lane_gc_write(&obj[p->next], *slot);
	lane_gc_write(slot, obj);
}

static void *make_all(void *unused)
{
	(void)unused;
	for (unsigned int i = 0; i < TYPES * EACH; i++)
		put_first(&root, &types[i % TYPES], i);
	return NULL;
}

static __attribute__((noinline)) bool all_whole(void)
{
	void **obj = root;

	for (unsigned int i = TYPES * EACH; i-- > 0;) {
		const struct pairs *p = &types[i % TYPES];
		uint64_t *leaf;

		if (!obj || lane_gc_base(obj) != obj)
			return false;
		leaf = obj[p->leaf];
		if (lane_gc_base(leaf) != leaf || *leaf != i)
			return false;
		obj = obj[p->next];
	}
	return !obj;
}

/* Objects that are live, fewer than @most if possible: guesses in frames pass. */
static uint64_t live_after(uint64_t most)
{
	uint64_t live = UINT64_MAX;

	for (int i = 0; i < 6 && (i < 2 || live > most); i++) {
		gc_wipe_stack();
		lane_gc_collect();
		live = gc_stats().live_objects;
	}
	return live;
}

static void lists(void)
{
	uint64_t before = live_after(0), most = before + TYPES * EACH * 2 + EACH, live;
	pthread_t t;

	gc_thread(&t, make_all, NULL);
	pthread_join(t, NULL);
	live = live_after(most);
	ksft_test_result(all_whole(), "%u types of one size keep what they refer to", TYPES);
	ksft_print_msg("%llu objects live", (unsigned long long)(live - before));
	ksft_test_result(live < most, "and not what other words look like");
	lane_gc_write(&root, NULL);
	ksft_test_result(live_after(before + EACH) < before + EACH, "they go");
}

static void sizes(void)
{
	static const uint64_t bits = 1;
	struct lane_gc_layout l = {
		.sz = sizeof(l), .name = "first", .size = 128, .bitmap = &bits, .bitmap_bits = 16};
	const struct lane_gc_type *type;

	if (lane_gc_type_create(&l, &type))
		ksft_exit_fail_msg("lane_gc_type_create");
	ksft_test_result(lane_gc_size(lane_gc_alloc(type)) == 128,
			 "the first type of its size takes no word for itself");
	ksft_test_result(lane_gc_size(lane_gc_alloc_array(type, 1)) >= 128 &&
				 lane_gc_size(lane_gc_alloc_array(type, 3)) >= 384,
			 "arrays of it have all their elements");
}

static void while_marking(void)
{
	static const uint64_t bits = 1 << 1 | 1 << 2;
	struct lane_gc_layout l = {
		.sz = sizeof(l), .name = "late", .size = 32, .bitmap = &bits, .bitmap_bits = 4};
	struct pairs late = {NULL, 1, 2};
	bool whole = true;
	void **obj;

	held_mark();
	if (lane_gc_type_create(&l, &late.type))
		ksft_exit_fail_msg("lane_gc_type_create");
	for (uint64_t i = 0; i < EACH; i++) {
		uint64_t *leaf = lane_gc_alloc_noscan(16);

		*leaf = i;
		obj = lane_gc_alloc(late.type);
		lane_gc_write(&obj[2], leaf);
		lane_gc_write(&obj[1], other);
		lane_gc_write(&other, obj);
	}
	held_finish();
	lane_gc_collect();
	obj = other;
	for (uint64_t i = EACH; i-- > 0 && whole; obj = obj[1])
		whole = lane_gc_base(obj) == obj && *(uint64_t *)obj[2] == i;
	ksft_test_result(whole, "a type that is made while a cycle marks");
}

int main(int argc, char **argv)
{
	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(3 + 2 + 1 + 1);
	held_begin();
	make_types();
	lane_gc_add_roots(&root, sizeof(root));
	lane_gc_add_roots(&other, sizeof(other));
	lists();
	sizes();
	while_marking();
	held_end();
	ksft_test_result(lane_gc_verify() == 0, "the verifier finds no fault");
	ksft_finished();
}
