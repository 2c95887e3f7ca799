// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cid LANE_CONF=mode:cid QUICK=1
/*
 * The numbers of the collected heap: exact where the program is quiet, the same as a walk
 * of the heap, and consistent at any moment while cycles run.
 */
#include "nodes.h"

#include "../api/same_as_walk.h"

static struct snap snap, walk;
static _Atomic bool stop;

static bool identities(const struct lane_gc_stats *st)
{
	bool right = st->allocated_objects - st->freed_objects == st->live_objects &&
		     st->allocated - st->freed == st->live && st->live <= st->spans &&
		     st->live + st->cached + st->free <= st->spans;

	if (!right)
		ksft_print_msg("objects %llu - %llu = %llu, bytes %llu - %llu = %llu, cached %llu, "
			       "free %llu, spans %llu",
			       (unsigned long long)st->allocated_objects,
			       (unsigned long long)st->freed_objects,
			       (unsigned long long)st->live_objects,
			       (unsigned long long)st->allocated, (unsigned long long)st->freed,
			       (unsigned long long)st->live, (unsigned long long)st->cached,
			       (unsigned long long)st->free, (unsigned long long)st->spans);
	return right;
}

static bool as_the_walk(void)
{
	return snap_read(&snap) == 0 && snap_walk(&walk) == 0 && snap_good(&snap) &&
	       snap_differences(&snap, &walk) == 0;
}

static void *churn(void *arg)
{
	uint64_t rng = (uintptr_t)arg * 991 | 1;
	struct node *keep = node_make(NODE_TYPED, 1, 16);

	while (!atomic_load(&stop)) {
		node_set(keep, ksft_random(&rng) % 16,
			 node_make((enum node_kind)(ksft_random(&rng) % 3), 1,
				   (unsigned int)(ksft_random(&rng) % 200)));
		gc_garbage(ksft_random(&rng) % 5000);
		if (ksft_random(&rng) % 64 == 0)
			gc_garbage(KIB(300));
		if (ksft_random(&rng) % 16 == 0)
			lane_gc_free(lane_gc_alloc_conservative(ksft_random(&rng) % 1000));
		put(get(random_size(&rng)));
	}
	return NULL;
}

static __attribute__((noinline)) void allocate_exactly(void)
{
	for (int i = 0; i < 1000; i++)
		gc_garbage(64);
	for (int i = 0; i < 10; i++)
		gc_garbage(MIB(1));
	for (int i = 0; i < 4096; i++)
		gc_garbage(8);
}

static void exact(void)
{
	struct lane_gc_stats before, after;

	lane_gc_collect();
	lane_gc_collect();
	before = gc_stats();
	allocate_exactly();
	after = gc_stats();
	ksft_test_result(after.allocated_objects - before.allocated_objects == 1010 + 4096,
			 "allocations are counted, each once: %llu",
			 (unsigned long long)(after.allocated_objects - before.allocated_objects));
	ksft_test_result(after.allocated - before.allocated == 64 * 1000 + 10 * MIB(1) + 4096 * 8,
			 "and their bytes: %llu",
			 (unsigned long long)(after.allocated - before.allocated));
	ksft_test_result(after.tiny_allocs - before.tiny_allocs == 4096 / 2,
			 "tiny ones that share a slot with another");
	ksft_test_result(identities(&after), "allocated - freed = live");
	gc_wipe_stack();
	lane_gc_collect();
	lane_gc_collect();
	after = gc_stats();
	ksft_print_msg("%llu objects lived before, %llu after",
		       (unsigned long long)before.live_objects,
		       (unsigned long long)after.live_objects);
	ksft_test_result(after.live_objects <= before.live_objects + 2 && identities(&after),
			 "all of them are freed");
	ksft_test_result(after.cycles == before.cycles + 2 && after.forced == before.forced + 2,
			 "cycles are counted");
	ksft_test_result(as_the_walk(), "the books say what the walk finds");
}

static void under_load(void)
{
	struct lane_gc_stats last = gc_stats();
	uint64_t looks = 0, bad = 0, back = 0, snaps = 0;
	double end = ksft_now() + (ksft_quick() ? 1.5 : 5);
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		gc_thread(&t[i], churn, (void *)(uintptr_t)(i + 1));
	while (ksft_now() < end) {
		struct lane_gc_stats st = gc_stats();

		looks++;
		bad += !identities(&st);
		back += st.allocated_objects < last.allocated_objects ||
			st.freed_objects < last.freed_objects || st.allocated < last.allocated ||
			st.freed < last.freed || st.cycles < last.cycles ||
			st.tiny_allocs < last.tiny_allocs;
		last = st;
		snap_read(&snap);
		snaps += !snap_good(&snap);
		if (bad > 3)
			break;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%llu readings, %llu cycles", (unsigned long long)looks,
		       (unsigned long long)gc_stats().cycles);
	ksft_test_result(!bad, "allocated - freed = live at any moment");
	ksft_test_result(!back, "what is counted never falls");
	ksft_test_result(!snaps, "snapshots of the whole library are consistent");
	lane_gc_collect();
	ksft_test_result(as_the_walk(), "and afterwards the walk finds the same");
	ksft_test_result(snap.st.collected == gc_stats().spans,
			 "lane_stats has the same bytes of spans");
}

/* Nodes that this frame alone refers to; what is swept is poisoned. */
static __attribute__((noinline)) void held_by_stack(void)
{
	struct node *volatile held[8];
	int whole = 0;

	for (uint64_t i = 0; i < 8; i++)
		held[i] = node_make((enum node_kind)(i % NODE_KINDS), i + 1, 3);
	gc_wipe_stack();
	lane_gc_collect();
	lane_gc_collect();
	for (uint64_t i = 0; i < 8; i++)
		whole += node_whole(held[i]) && held[i]->id == i + 1;
	ksft_test_result(whole == 8, "what the main thread's stack holds is kept: %d of 8", whole);
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};

	(void)argc;
	gc_conf(argv, "gc_check:true,background_thread:false"); /* quiet beside a walk */
	ksft_print_header();
	ksft_set_plan(13);
	gc_begin(&o);
	node_make_types();
	exact();
	lane_gc_set_percent(20);
	under_load();
	held_by_stack();
	ksft_finished();
}
