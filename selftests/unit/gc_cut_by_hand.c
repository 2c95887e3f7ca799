// SPDX-License-Identifier: MIT
// variant: cid LANE_CONF=mode:cid
// variant: lock LANE_CONF=mode:lock
/*
 * The collected heap's figures are of the same cut as malloc's. As cut_by_hand: while a reader
 * is between one CPU's books and the next one's, another thread allocates collected objects,
 * frees them, and runs a cycle. lane_gc_stats and the snapshot have to be those from before, and
 * the next ones have to have all of it. A reader without generations must see some of it at
 * once: that shows that the test could fail.
 */
#include "between_lanes.h"

#include <lane/lane_gc.h>

#define MANY 3000
#define LARGE 3000000

/* What of a reading is of its cut: objects and bytes of the collected heap, and all of malloc's. */
struct reading {
	u64 allocated_objects, freed_objects, live_objects;
	u64 allocated, freed, live;
	u64 spans, cached, free;
	struct snap snap;
};

static struct reading before, during, next;
static bool asked;
static void *volatile kept[MANY]; /* no root: nothing that only it refers to stays */
static uint64_t made, freed;	  /* objects, by what is done; freed: at least */

/* One of malloc's each time, too. */
static void *take(size_t size)
{
	void *p = lane_gc_alloc_conservative(size);

	lane_free(lane_malloc(size));
	if (!p)
		ksft_exit_fail_msg("no object of %zu bytes", size);
	made++;
	return p;
}

static void give(void *p)
{
	if (lane_gc_free(p))
		ksft_exit_fail_msg("not freed");
	freed++;
}

static void one_object(void)
{
	give(take(200));
}

static void many_objects(void)
{
	for (int i = 0; i < MANY; i++)
		kept[i] = take(100);
	for (int i = 0; i < MANY; i++)
		give(kept[i]);
}

static void first_of_its_class(void)
{
	static size_t size = 1000;

	give(take(size += 500));
}

/* As many as there are calls before large_free() is called as often. */
static int nr_large;

static void large_object(void)
{
	kept[nr_large++] = take(LARGE);
}

static void large_free(void)
{
	give(kept[--nr_large]);
}

/* Dead ones, but for some that words on the stack may look like. */
static void cycle(void)
{
	for (int i = 0; i < MANY; i++)
		take(300);
	if (lane_gc_collect())
		ksft_exit_fail_msg("no cycle");
	freed += MANY / 2;
}

static const struct act acts[] = {
	{"one object", one_object},	      {"the first of its class", first_of_its_class},
	{"many objects", many_objects},	      {"a large object", large_object},
	{"a large object's end", large_free}, {"a cycle", cycle},
};
/* The only thread that is attached. */
static void attach(void)
{
	if (lane_gc_attach())
		ksft_exit_fail_msg("not attached");
}

static void read_gc(void *reading)
{
	struct reading *r = reading;
	struct lane_gc_stats st = {.sz = sizeof(st)};

	if (lane_gc_stats_read(&st))
		ksft_exit_fail_msg("no statistics");
	r->allocated_objects = st.allocated_objects;
	r->freed_objects = st.freed_objects;
	r->live_objects = st.live_objects;
	r->allocated = st.allocated;
	r->freed = st.freed;
	r->live = st.live;
	r->spans = st.spans;
	r->cached = st.cached;
	r->free = st.free;
}

/* But for its number, and what caches may hold, which is of the moment. */
static void read_snap(void *reading)
{
	struct reading *r = reading;

	snap_read(&r->snap);
	for (unsigned int i = 0; i < r->snap.st.nr_cpus; i++)
		r->snap.cpus[i].capacity = 0;
	r->snap.st.generation = 0;
	r->snap.st.classes = NULL;
	r->snap.st.cpus = NULL;
	r->snap.st.nodes = NULL;
}

static void read_both(struct reading *r)
{
	read_gc(r);
	read_snap(r);
}

/* @a while lane_gc_stats is read, and once more while a snapshot is: each from before? */
static bool are_from_before(const struct act *a, bool plain)
{
	bool same;

	read_both(&before);
	asked = between_read(a, plain, read_gc, &during);
	same = !memcmp(&before, &during, offsetof(struct reading, snap));
	read_both(&before);
	made = freed = 0;
	asked &= between_read(a, plain, read_snap, &during);
	same &= !memcmp(&before.snap, &during.snap, sizeof(before.snap));
	read_both(&next);
	return same;
}

static bool are_in_the_next(void)
{
	return asked && next.allocated_objects == before.allocated_objects + made &&
	       next.freed_objects >= before.freed_objects + freed &&
	       next.live_objects == next.allocated_objects - next.freed_objects &&
	       next.live == next.allocated - next.freed && next.spans == next.snap.st.collected &&
	       next.snap.st.mallocs == before.snap.st.mallocs + made;
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	bool seen = false;
	pthread_t t;

	(void)argc;
	unit_conf(argv, "mode:rseq");
	ksft_print_header();
	unit_no_background();
	ksft_set_plan(2 * ARRAY_SIZE(acts) + 2);
	if (lane_gc_init(&o))
		ksft_exit_fail_msg("no collected heap");
	t = between_start(attach);
	for (int round = 0; round < 2; round++) {
		for (size_t a = 0; a < ARRAY_SIZE(acts); a++)
			ksft_test_result(are_from_before(&acts[a], false) && are_in_the_next(),
					 "%s, round %d", acts[a].name, round + 1);
	}
	for (size_t a = 0; a < ARRAY_SIZE(acts); a++)
		seen |= !are_from_before(&acts[a], true);
	ksft_test_result(seen, "a reader without generations sees what came later");
	between_end(t);
	ksft_test_result(unit_books_right(), "quiet: snapshot and walk agree");
	ksft_finished();
}
