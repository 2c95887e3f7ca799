// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * What each count of the collected heap's books means. As stats_by_hand: one count at a time is
 * raised by hand; the next lane_gc_stats and the next snapshot may differ from those before in
 * the figures that the count stands for, by as much, and in nothing else.
 */
#include "unit.h"

#include <lane/lane_gc.h>

#include "collected.h"
#include "gc_span.h"
#include "node_heap.h"
#include "size_class.h"

#define SIZE 200
#define N 3ULL /* by how much */

/* One reading of everything; @gc comes of a snapshot of its own. */
struct reading {
	struct lane_gc_stats gc;
	struct snap snap;
};

static struct reading before, after;
static u32 home, kind, cls;
static struct gc_class *small, *large;
static struct lane *lane;

static void take(struct reading *r)
{
	r->gc = (struct lane_gc_stats){.sz = sizeof(r->gc)};
	if (lane_gc_stats_read(&r->gc) || snap_read(&r->snap))
		ksft_exit_fail_msg("no statistics");
}

static u64 bytes(u64 objects)
{
	return objects * size_classes[cls].size;
}

/* What is expected of @after, in terms of @before, which takes the changes. */

static void expect_objects(u64 mallocs, u64 frees)
{
	before.gc.allocated_objects += mallocs;
	before.gc.freed_objects += frees;
	before.gc.live_objects += mallocs - frees;
}

/* Of the small class. A slot that is not alive, cached or on its way is free. */
static void expect_small(u64 mallocs, u64 frees, u64 cached, u64 in_transit)
{
	expect_objects(mallocs, frees);
	before.gc.allocated += bytes(mallocs);
	before.gc.freed += bytes(frees);
	before.gc.live += bytes(mallocs - frees);
	before.gc.cached += bytes(cached);
	before.gc.free -= bytes(mallocs - frees + cached + in_transit);
}

/* Bytes that the node's pages hold for collected objects, and no longer for others. */
static void expect_spans(u64 more)
{
	struct lane_node_stats *n = &before.snap.nodes[home];

	before.gc.spans += more;
	n->collected += more;
	n->page_heap_free -= more;
	before.snap.st.collected += more;
	before.snap.st.page_heap_free -= more;
}

/* The counts. A book's is raised in both copies, as by a writer in an older generation. */
static void raise_book(struct gc_class *c, enum gc_item item)
{
	c->book.cur[item] += N;
	c->book.base[item] += N;
}

static struct cpu_cache *cache(void)
{
	return collected_cache(lane, kind);
}

static void raise_flow(size_t offset)
{
	struct block_book *book = &cache()->book[cls];
	u64 word = cache_block(cache(), cls)->word;

	*(u64 *)((char *)&book->flow[word_flip(word)] + offset) += N;
	*(u64 *)((char *)&book->base + offset) += N;
}

static void cpu_in(void)
{
	raise_book(small, G_CPU_IN);
	expect_small(0, 0, 0, -N);
}

static void cpu_out(void)
{
	raise_book(small, G_CPU_OUT);
	expect_small(0, 0, 0, N);
}

static void mallocs(void)
{
	raise_book(small, G_MALLOCS);
	expect_small(N, 0, 0, 0);
}

static void frees(void)
{
	raise_book(small, G_FREES);
	expect_small(0, N, 0, 0);
}

static void swept(void)
{
	raise_book(small, G_SWEPT);
	expect_small(0, N, 0, 0);
}

static void spans(void)
{
	raise_book(small, G_SPANS);
	before.gc.free += bytes(N * size_classes[cls].objects);
}

static void span_bytes_of_class(void)
{
	raise_book(small, G_BYTES);
	expect_spans(N);
}

static void large_mallocs(void)
{
	raise_book(large, G_MALLOCS);
	expect_objects(N, 0);
}

static void large_frees(void)
{
	raise_book(large, G_FREES);
	expect_objects(0, N);
}

static void large_swept(void)
{
	raise_book(large, G_SWEPT);
	expect_objects(0, N);
}

/* They are as long as their spans. */
static void large_bytes(void)
{
	raise_book(large, G_BYTES);
	expect_spans(N);
	before.gc.live += N;
	before.gc.freed -= N;
}

static void large_made(void)
{
	raise_book(large, G_LARGE);
	before.gc.allocated += N;
	before.gc.freed += N;
}

/* A pop more is a push more, too, where nothing else changes: as many objects lie there. */
static void block_pops(void)
{
	raise_flow(offsetof(struct block_flow, pops));
	expect_small(N, N, 0, 0);
}

static void block_in(void)
{
	raise_flow(offsetof(struct block_flow, in));
	expect_small(0, -N, 0, -N);
}

static void block_out(void)
{
	raise_flow(offsetof(struct block_flow, out));
	expect_small(0, N, 0, N);
}

static void block_objects(void)
{
	cache_block(cache(), cls)->word += N;
	cache()->book[cls].base_word += N;
	expect_small(0, N, N, 0);
}

static const struct {
	const char *name;
	void (*raise)(void);
} counts[] = {
	{"from CPUs", cpu_in},
	{"to CPUs", cpu_out},
	{"mallocs", mallocs},
	{"frees", frees},
	{"swept", swept},
	{"spans", spans},
	{"bytes of spans", span_bytes_of_class},
	{"large objects, mallocs", large_mallocs},
	{"large objects, frees", large_frees},
	{"large objects, swept", large_swept},
	{"large objects, bytes", large_bytes},
	{"large objects, bytes made", large_made},
	{"a CPU's pops", block_pops},
	{"a CPU's objects in", block_in},
	{"a CPU's objects out", block_out},
	{"a CPU's objects", block_objects},
};

static int differences(const void *a, const void *b, size_t size, const char *what)
{
	const u64 *x = a, *y = b;
	int wrong = 0;

	for (size_t i = 0; i < size / sizeof(u64); i++) {
		if (x[i] != y[i] && wrong++ < 5)
			ksft_print_msg("word %zu of %s is off by %lld", i, what,
				       (long long)(x[i] - y[i]));
	}
	return wrong;
}

/* But for the snapshot's number, and for where the rows lie. */
static bool same_readings(void)
{
	struct lane_stats *b = &before.snap.st;
	const struct lane_stats *a = &after.snap.st;

	b->generation += 2;
	b->classes = a->classes;
	b->cpus = a->cpus;
	b->nodes = a->nodes;
	return differences(&after.gc, &before.gc, sizeof(after.gc), "lane_gc_stats") +
		       differences(&after.snap, &before.snap, sizeof(after.snap), "a snapshot") ==
	       0;
}

/* The thread that runs finalizers attaches itself, some time after the start. */
static void wait_for_its_thread(void)
{
	do {
		sched_yield();
		take(&after);
	} while (after.gc.threads < 2);
}

/* The class of small objects that this CPU has, and that of large ones. */
static bool find_classes(void)
{
	struct gc_class *c;
	u32 h, k, n;

	for (u32 i = 0; (c = gc_class_at(i, &h, &k, &n)) != NULL; i++) {
		if (n && c->book.cur[G_CPU_OUT]) {
			small = c;
			home = h;
			kind = k;
			cls = n;
		}
	}
	large = small ? &gc_heaps[home]->cls[kind][0] : NULL;
	return small && lane->home == home;
}

int main(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(counts) + 2);
	unit_pin(0);
	if (lane_gc_init(&o) || lane_gc_attach())
		ksft_exit_fail_msg("no collected heap");
	if (!lane_gc_alloc_conservative(SIZE) || !lane_gc_alloc_conservative(1000000))
		ksft_exit_fail_msg("no object");
	wait_for_its_thread();
	lane = this_lane();
	if (!find_classes())
		ksft_exit_fail_msg("no class has an object of %d bytes", SIZE);
	take(&before);
	take(&after);
	ksft_test_result(same_readings(), "two readings of the same state are the same");
	ksft_test_result(after.gc.live_objects == 2 && after.gc.allocated_objects == 2 &&
				 after.gc.spans == after.snap.st.collected && after.gc.spans,
			 "two objects are counted, and the snapshot has the bytes of their spans");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		take(&before);
		counts[i].raise();
		take(&after);
		ksft_test_result(same_readings(), "%s", counts[i].name);
	}
	ksft_finished();
}
