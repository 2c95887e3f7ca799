// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * What each count of each book means in a snapshot. One count at a time is raised
 * by hand; the next snapshot may differ from the one before in the figures that
 * the count stands for, by as much, and in nothing else.
 */
#include "unit.h"

#include "guard.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"
#include "reentry.h"
#include "snapshot.h"

#define SIZE 200
#define N 3ULL /* by how much */

static struct snap before, after;
static u32 cls;
static struct node_heap *heap;
static struct lane *lane;

static u64 bytes(u64 objects)
{
	return objects * size_classes[cls].size;
}

static u64 span_bytes_of(u64 spans)
{
	return spans * ((u64)size_classes[cls].pages << PAGE_SHIFT);
}

/* What is expected of @after, in terms of @before, which takes the changes. */

/* Of the class, to its row, its node's and the totals, which have bytes for objects. */
static void expect_class(struct lane_class_stats d)
{
	struct lane_class_stats *c = &before.classes[cls - 1];
	struct lane_node_stats *n = &before.nodes[lane->home];
	struct lane_stats *st = &before.st;
	u64 tail = d.spans * size_classes[cls].span_tail;

#define BOTH(field, by) (n->field += (by), st->field += (by))
	BOTH(mallocs, d.mallocs);
	BOTH(frees, d.frees);
	BOTH(live_objects, d.mallocs - d.frees);
	BOTH(in_use, bytes(d.mallocs - d.frees));
	BOTH(cpu_cached, bytes(d.cpu_cached));
	BOTH(transfer_cached, bytes(d.transfer_cached));
	BOTH(central_free, bytes(d.central_free));
	BOTH(in_transit, bytes(d.in_transit));
	BOTH(span_tail, tail);
	BOTH(page_heap_free, -span_bytes_of(d.spans));
	c->mallocs += d.mallocs;
	c->frees += d.frees;
	c->live += d.mallocs - d.frees;
	c->in_use += bytes(d.mallocs - d.frees);
	c->cpu_cached += d.cpu_cached;
	c->transfer_cached += d.transfer_cached;
	c->central_free += d.central_free;
	c->in_transit += d.in_transit;
	c->spans += d.spans;
	c->span_bytes += span_bytes_of(d.spans);
	c->refills += d.refills;
	c->flushes += d.flushes;
}

/* Past the CPUs' caches. */
static void expect_direct(u64 mallocs, u64 frees)
{
	before.cpus[before.st.nr_cpus - 1].mallocs += mallocs;
	before.cpus[before.st.nr_cpus - 1].frees += frees;
}

/* In large or mapped objects: the last row of classes, and node @n. */
static void expect_large(struct lane_node_stats *n, u64 mallocs, u64 frees, u64 in_use)
{
	struct lane_class_stats *c = &before.classes[before.st.nr_classes - 1];
	struct lane_stats *st = &before.st;

	expect_direct(mallocs, frees);
	BOTH(mallocs, mallocs);
	BOTH(frees, frees);
	BOTH(live_objects, mallocs - frees);
	BOTH(in_use, in_use);
	c->mallocs += mallocs;
	c->frees += frees;
	c->live += mallocs - frees;
	c->in_use += in_use;
	c->spans += mallocs - frees;
	c->span_bytes += in_use;
}

/* Bytes of pages that the node has free. */
static void expect_free_pages(u64 more)
{
	struct lane_node_stats *n = &before.nodes[lane->home];
	struct lane_stats *st = &before.st;

	BOTH(page_heap_free, more);
}

static struct lane_node_stats *shared(void)
{
	return &before.nodes[before.st.nr_nodes - 1];
}

static void expect_mapped_objects(u64 mallocs, u64 frees, u64 in_use)
{
	expect_large(shared(), mallocs, frees, in_use);
	shared()->mapped += in_use;
	shared()->reserved += in_use;
	before.st.mapped += in_use;
	before.st.reserved += in_use;
}

/* The counts. A book's is raised in both copies, as by a writer in an older generation. */
static void raise_book(struct stat_book *b, int item)
{
	b->cur[item] += N;
	b->base[item] += N;
}

static struct cpu_cache *cache(void)
{
	return lane_cache(lane, lane->home);
}

static void raise_flow(size_t offset)
{
	struct block_book *book = &cache()->book[cls];
	u64 word = cache_block(cache(), cls)->word;

	*(u64 *)((char *)&book->flow[word_flip(word)] + offset) += N;
	*(u64 *)((char *)&book->base + offset) += N;
}

static struct lane_cpu_stats *cpu_row(void)
{
	return &before.cpus[lane->index];
}

#define CLASS(...) expect_class((struct lane_class_stats){__VA_ARGS__})

static void transfer_cpu_in(void)
{
	raise_book(&heap->transfer[cls].book, T_CPU_IN);
	CLASS(.transfer_cached = N, .in_transit = -N);
}

static void transfer_cpu_out(void)
{
	raise_book(&heap->transfer[cls].book, T_CPU_OUT);
	CLASS(.transfer_cached = -N, .in_transit = N);
}

static void transfer_mallocs(void)
{
	raise_book(&heap->transfer[cls].book, T_MALLOCS);
	CLASS(.transfer_cached = -N, .mallocs = N);
	expect_direct(N, 0);
}

static void transfer_frees(void)
{
	raise_book(&heap->transfer[cls].book, T_FREES);
	CLASS(.transfer_cached = N, .frees = N);
	expect_direct(0, N);
}

static void transfer_drained(void)
{
	raise_book(&heap->transfer[cls].book, T_DRAINED);
	CLASS(.transfer_cached = -N, .in_transit = N);
}

static void central_cpu_in(void)
{
	raise_book(&heap->central[cls].book, C_CPU_IN);
	CLASS(.central_free = N, .in_transit = -N);
}

static void central_cpu_out(void)
{
	raise_book(&heap->central[cls].book, C_CPU_OUT);
	CLASS(.central_free = -N, .in_transit = N);
}

static void central_mallocs(void)
{
	raise_book(&heap->central[cls].book, C_MALLOCS);
	CLASS(.central_free = -N, .mallocs = N);
	expect_direct(N, 0);
}

static void central_frees(void)
{
	raise_book(&heap->central[cls].book, C_FREES);
	CLASS(.central_free = N, .frees = N);
	expect_direct(0, N);
}

static void central_drained(void)
{
	raise_book(&heap->central[cls].book, C_DRAINED);
	CLASS(.central_free = N, .in_transit = -N);
}

static void central_spans_in(void)
{
	raise_book(&heap->central[cls].book, C_SPANS_IN);
	CLASS(.spans = N, .central_free = N * size_classes[cls].objects);
}

static void central_spans_out(void)
{
	raise_book(&heap->central[cls].book, C_SPANS_OUT);
	CLASS(.spans = -N, .central_free = -N * size_classes[cls].objects);
}

static void sampled_cpu_in(void)
{
	raise_book(&heap->sampled[cls].book, C_CPU_IN);
	CLASS(.central_free = N, .in_transit = -N);
}

static void sampled_mallocs(void)
{
	raise_book(&heap->sampled[cls].book, C_MALLOCS);
	CLASS(.central_free = -N, .mallocs = N);
	expect_direct(N, 0);
}

static void sampled_frees(void)
{
	raise_book(&heap->sampled[cls].book, C_FREES);
	CLASS(.central_free = N, .frees = N);
	expect_direct(0, N);
}

static void sampled_spans_in(void)
{
	raise_book(&heap->sampled[cls].book, C_SPANS_IN);
	CLASS(.spans = N, .central_free = N * size_classes[cls].objects);
}

static void sampled_spans_out(void)
{
	raise_book(&heap->sampled[cls].book, C_SPANS_OUT);
	CLASS(.spans = -N, .central_free = -N * size_classes[cls].objects);
}

static void pages_opened(void)
{
	raise_book(&heap->pages.book, P_OPENED);
	expect_free_pages(N);
	before.nodes[lane->home].mapped += N;
	before.st.mapped += N;
	before.nodes[lane->home].reserved += N;
	shared()->reserved -= N;
}

static void pages_released(void)
{
	raise_book(&heap->pages.book, P_RELEASED);
	expect_free_pages(-N);
	before.nodes[lane->home].released += N;
	before.st.released += N;
}

static void pages_large_bytes(void)
{
	raise_book(&heap->pages.book, P_LARGE_BYTES);
	expect_free_pages(-N);
	expect_large(&before.nodes[lane->home], 0, 0, N);
}

static void pages_large_mallocs(void)
{
	raise_book(&heap->pages.book, P_LARGE_MALLOCS);
	expect_large(&before.nodes[lane->home], N, 0, 0);
}

static void pages_large_frees(void)
{
	raise_book(&heap->pages.book, P_LARGE_FREES);
	expect_large(&before.nodes[lane->home], 0, N, 0);
}

static void pages_held_bytes(void)
{
	raise_book(&heap->pages.book, P_HELD_BYTES);
	expect_free_pages(-N);
	before.nodes[lane->home].quarantine += N;
	before.st.quarantine += N;
	before.classes[before.st.nr_classes - 1].quarantine += N;
}

static void mapped_mallocs(void)
{
	raise_book(&reentry_book, R_MALLOCS);
	raise_book(&guard_book, R_MALLOCS);
	expect_mapped_objects(2 * N, 0, 0);
}

static void mapped_frees(void)
{
	raise_book(&reentry_book, R_FREES);
	raise_book(&guard_book, R_FREES);
	expect_mapped_objects(0, 2 * N, 0);
}

static void mapped_bytes(void)
{
	raise_book(&reentry_book, R_BYTES);
	raise_book(&guard_book, R_BYTES);
	expect_mapped_objects(0, 0, 2 * N);
	/* Guarded ones lie in a pool that was set aside before. */
	shared()->reserved -= N;
	before.st.reserved -= N;
}

static void meta_reserved(void)
{
	raise_book(&meta_book, M_RESERVED);
	shared()->reserved += N;
	before.st.reserved += N;
}

static void meta_mapped(void)
{
	raise_book(&meta_book, M_MAPPED);
	shared()->metadata += N;
	shared()->mapped += N;
	before.st.metadata += N;
	before.st.mapped += N;
}

/* A pop more is a push more, too, where nothing else changes: as many objects lie there. */
static void block_pops(void)
{
	raise_flow(offsetof(struct block_flow, pops));
	CLASS(.mallocs = N, .frees = N);
	cpu_row()->mallocs += N;
	cpu_row()->frees += N;
}

static void block_in(void)
{
	raise_flow(offsetof(struct block_flow, in));
	CLASS(.frees = -N, .in_transit = -N);
	cpu_row()->frees -= N;
}

static void block_out(void)
{
	raise_flow(offsetof(struct block_flow, out));
	CLASS(.frees = N, .in_transit = N);
	cpu_row()->frees += N;
}

static void block_refills(void)
{
	raise_flow(offsetof(struct block_flow, refills));
	CLASS(.refills = N);
	cpu_row()->refills += N;
}

static void block_flushes(void)
{
	raise_flow(offsetof(struct block_flow, flushes));
	CLASS(.flushes = N);
	cpu_row()->flushes += N;
}

static void block_objects(void)
{
	cache_block(cache(), cls)->word += N;
	cache()->book[cls].base_word += N;
	CLASS(.cpu_cached = N, .frees = N);
	cpu_row()->cached += bytes(N);
	cpu_row()->frees += N;
}

static void lane_granted(void)
{
	lane->granted += N;
	cpu_row()->capacity += N;
}

/* What was freed on it has another home now. The last: the lane stays so. */
static void lane_of_another_node(void)
{
	cpu_row()->remote_frees += cpu_row()->frees;
	/* Where there is one node only, the next has no heap that a reader would look at. */
	if (nr_homes == 1)
		node_heaps[1] = heap;
	lane->home = lane->home ? 0 : 1;
	cpu_row()->node = node_heaps[lane->home]->node;
}

static const struct {
	const char *name;
	void (*raise)(void);
} counts[] = {
	{"transfer cache, from CPUs", transfer_cpu_in},
	{"transfer cache, to CPUs", transfer_cpu_out},
	{"transfer cache, mallocs", transfer_mallocs},
	{"transfer cache, frees", transfer_frees},
	{"transfer cache, drained", transfer_drained},
	{"central list, from CPUs", central_cpu_in},
	{"central list, to CPUs", central_cpu_out},
	{"central list, mallocs", central_mallocs},
	{"central list, frees", central_frees},
	{"central list, drained", central_drained},
	{"central list, spans in", central_spans_in},
	{"central list, spans out", central_spans_out},
	{"sampled objects, from CPUs", sampled_cpu_in},
	{"sampled objects, mallocs", sampled_mallocs},
	{"sampled objects, frees", sampled_frees},
	{"sampled objects, spans in", sampled_spans_in},
	{"sampled objects, spans out", sampled_spans_out},
	{"pages opened", pages_opened},
	{"pages released", pages_released},
	{"large objects, bytes", pages_large_bytes},
	{"large objects, mallocs", pages_large_mallocs},
	{"large objects, frees", pages_large_frees},
	{"large objects in quarantine", pages_held_bytes},
	{"mapped objects, mallocs", mapped_mallocs},
	{"mapped objects, frees", mapped_frees},
	{"mapped objects, bytes", mapped_bytes},
	{"metadata, reserved", meta_reserved},
	{"metadata, mapped", meta_mapped},
	{"a CPU's pops", block_pops},
	{"a CPU's objects in", block_in},
	{"a CPU's objects out", block_out},
	{"a CPU's refills", block_refills},
	{"a CPU's flushes", block_flushes},
	{"a CPU's objects", block_objects},
	{"a CPU's capacity", lane_granted},
	{"a CPU of another node", lane_of_another_node},
};

/* But for its number, and for where the rows lie. */
static bool same_snapshots(void)
{
	u64 *b = (u64 *)&before, *a = (u64 *)&after;
	int wrong = 0;

	before.st.generation++;
	for (size_t i = 0; i < sizeof(before) / sizeof(u64); i++) {
		bool address = a[i] == (uintptr_t)after.classes || a[i] == (uintptr_t)after.cpus ||
			       a[i] == (uintptr_t)after.nodes;

		if (a[i] == b[i] || address)
			continue;
		if (wrong++ < 5)
			ksft_print_msg("word %zu of a snapshot is off by %lld", i,
				       (long long)(a[i] - b[i]));
	}
	return wrong == 0;
}

static bool writer_left;

static void *leave(void *seq)
{
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	WRITE_ONCE(writer_left, true);
	smp_store_release((u32 *)seq, *(u32 *)seq + 1); /* pairs with seq_settle() */
	return NULL;
}

/* A writer is inside, by @seq, when a snapshot begins: that is not over before the writer left. */
static bool is_waited_for(u32 *seq)
{
	bool waited;
	pthread_t t;

	WRITE_ONCE(writer_left, false);
	WRITE_ONCE(*seq, *seq + 1);
	start_thread(&t, leave, seq);
	snap_read(&after);
	waited = READ_ONCE(writer_left);
	pthread_join(t, NULL);
	return waited;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(counts) + 4);
	unit_pin(0);
	lane_free(lane_malloc(SIZE));
	lane_free(lane_malloc(1000000));
	cls = size_to_class(SIZE);

	lane = this_lane();
	heap = node_heaps[lane->home];
	snap_read(&before);
	snap_read(&after);
	ksft_test_result(same_snapshots(), "two snapshots of the same state are the same");
	ksft_test_result(after.st.nr_classes == NR_SMALL + 1 && after.st.nr_cpus == nr_lanes + 1 &&
				 after.st.nr_nodes == nr_homes + 1 &&
				 after.st.nr_possible_cpus == nr_lanes && after.st.mode == mode,
			 "there are as many rows as classes, CPUs and nodes");
	ksft_test_result(is_waited_for(&lane->seq), "who is in a CPU's window is waited for");
	ksft_test_result(is_waited_for(&heap->pages.book.seq), "who writes a book is waited for");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		snap_read(&before);
		counts[i].raise();
		snap_read(&after);
		ksft_test_result(same_snapshots(), "%s", counts[i].name);
	}
	ksft_finished();
}
