// SPDX-License-Identifier: MIT
// Frees from another node go home: counted there, reused there, never handed out elsewhere.
#include "numa.h"
#include "../api/snapshot.h"

static struct numa_map map;
static struct snap live, after;

struct kind {
	size_t size;
	int count;
};

static const struct kind kinds[] = {
	{96, 6000}, {2000, 1000}, {20000, 120}, {KIB(200), 16}, {MIB(3), 3},
};

#define CACHED_MAX 32768 /* larger objects bypass the caches, and no CPU's row counts them */
#define MAX_COUNT 6000
#define ROUNDS 24

static void **objects, **others;

static int by_address(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

static void get_all(const struct numa_node *n, const struct kind *k, void **out)
{
	numa_pin(n->cpus[0]);
	for (int i = 0; i < k->count; i++) {
		out[i] = get(k->size);
		if (!out[i])
			ksft_exit_fail_msg("malloc(%zu): %s", k->size, strerror(errno));
		numa_touch(out[i], k->size);
	}
}

static void put_all(const struct numa_node *n, const struct kind *k, void **from)
{
	numa_pin(n->cpus[n->nr_cpus - 1]);
	for (int i = 0; i < k->count; i++)
		put(from[i]);
}

static const struct lane_node_stats *row(const struct snap *s, int node)
{
	for (unsigned int i = 0; i < s->st.nr_nodes; i++)
		if (s->nodes[i].node == node)
			return &s->nodes[i];
	ksft_exit_fail_msg("no row for node %d in the snapshot", node);
}

static uint64_t remote_frees(const struct snap *s, const struct numa_node *n)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < s->st.nr_cpus; i++)
		if (s->cpus[i].node == n->id)
			sum += s->cpus[i].remote_frees;
	return sum;
}

/* Free at home means: no longer in a CPU's cache or batch, here or there. */
static uint64_t free_at_home(const struct lane_node_stats *n)
{
	return n->transfer_cached + n->central_free + n->page_heap_free + n->released;
}

static bool counted_at_home(const struct numa_node *a, const struct numa_node *b,
			    const struct kind *k)
{
	const struct lane_node_stats *was, *is, *there_was, *there_is;
	uint64_t bytes, remote;

	get_all(a, k, objects);
	snap_read(&live);
	put_all(b, k, objects);
	snap_read(&after);
	was = row(&live, a->id), is = row(&after, a->id);
	there_was = row(&live, b->id), there_is = row(&after, b->id);
	bytes = was->in_use - is->in_use;
	remote = remote_frees(&after, b) - remote_frees(&live, b);
	if (is->frees - was->frees != (uint64_t)k->count || bytes < k->count * k->size ||
	    there_is->frees != there_was->frees ||
	    (k->size <= CACHED_MAX && remote != (uint64_t)k->count)) {
		ksft_print_msg("%d frees of %zu bytes: home counts %llu and %llu bytes, node %d "
			       "counts %llu, remote_frees %llu",
			       k->count, k->size, (unsigned long long)(is->frees - was->frees),
			       (unsigned long long)bytes, b->id,
			       (unsigned long long)(there_is->frees - there_was->frees),
			       (unsigned long long)remote);
		return false;
	}
	return true;
}

static bool back_after_release(const struct numa_node *a, const struct numa_node *b,
			       const struct kind *k)
{
	uint64_t was, is, bytes;

	get_all(a, k, objects);
	snap_read(&live);
	put_all(b, k, objects);
	lane_release(SIZE_MAX);
	snap_read(&after);
	bytes = row(&live, a->id)->in_use - row(&after, a->id)->in_use;
	was = free_at_home(row(&live, a->id));
	is = free_at_home(row(&after, a->id));
	if (is - was < bytes || row(&after, a->id)->cpu_cached != 0) {
		ksft_print_msg("%llu bytes freed; free at home %llu before, %llu after; still in "
			       "CPU caches %llu",
			       (unsigned long long)bytes, (unsigned long long)was,
			       (unsigned long long)is,
			       (unsigned long long)row(&after, a->id)->cpu_cached);
		return false;
	}
	return true;
}

/* @b frees what is @a's, then allocates twice as much of the same size. */
static bool not_handed_out_there(const struct numa_node *a, const struct numa_node *b,
				 const struct kind *k)
{
	int strays = 0;

	get_all(a, k, objects);
	put_all(b, k, objects);
	qsort(objects, k->count, sizeof(*objects), by_address);
	for (int half = 0; half < 2; half++) {
		void **mine = others + half * k->count;

		get_all(b, k, mine);
		for (int i = 0; i < k->count; i++)
			strays +=
				lane_node_of(mine[i]) != b->id ||
				bsearch(&mine[i], objects, k->count, sizeof(*objects), by_address);
	}
	for (int half = 0; half < 2; half++)
		put_all(b, k, others + half * k->count);
	if (strays)
		ksft_print_msg("%d of %d objects are not of node %d", strays, 2 * k->count, b->id);
	return strays == 0;
}

/* With nothing but this traffic: what @a allocates next is what @b gave back. */
static bool reused_at_home(const struct numa_node *a, const struct numa_node *b,
			   const struct kind *k)
{
	uint64_t first = 0, last;

	for (int round = 0; round < ROUNDS; round++) {
		get_all(a, k, objects);
		put_all(b, k, objects);
		snap_read(&after);
		if (round == 3)
			first = row(&after, a->id)->mapped;
	}
	last = row(&after, a->id)->mapped;
	if (last > first + k->count * k->size / 2 + MIB(4)) {
		ksft_print_msg("node %d: mapped %llu after 4 rounds, %llu after %d", a->id,
			       (unsigned long long)first, (unsigned long long)last, ROUNDS);
		return false;
	}
	return true;
}

int main(void)
{
	ksft_print_header();
	numa_need(&map, 2);
	objects = numa_room(MAX_COUNT * sizeof(*objects));
	others = numa_room(2 * MAX_COUNT * sizeof(*others));
	ksft_set_plan(4 * ARRAY_SIZE(kinds));

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];
		bool counted = true, back = true, kept = true, reused = true;

		for (int n = 0; n < map.nr_both; n++) {
			const struct numa_node *a = map.both[n];
			const struct numa_node *b = map.both[(n + 1) % map.nr_both];

			counted &= counted_at_home(a, b, k);
			kept &= not_handed_out_there(a, b, k);
			back &= back_after_release(a, b, k);
			reused &= reused_at_home(a, b, k);
		}
		ksft_test_result(counted, "%zu bytes: frees on another node count at home",
				 k->size);
		ksft_test_result(kept, "%zu bytes: none is handed out on the node that freed it",
				 k->size);
		ksft_test_result(back, "%zu bytes: after lane_release all is free at home",
				 k->size);
		ksft_test_result(reused, "%zu bytes: %d rounds do not grow the home node", k->size,
				 ROUNDS);
	}
	ksft_finished();
}
