// SPDX-License-Identifier: MIT
#include "gc_stat.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "cycle.h"
#include "gc_map.h"
#include "gc_span.h"
#include "heap.h"
#include "roots.h"
#include "seq_file.h"
#include "slow_path.h"
#include "snapshot.h"
#include "tally.h"
#include "threads.h"
#include "type.h"

#define U64(x) ((unsigned long)(x))

/* Sums over the homes of the last snapshot; reader's lock. */
static struct class_tally sums[NR_CLASSES];
static u64 large_bytes, large_made, span_bytes_sum;
static struct gc_stat_view view;
static bool viewed; /* since that snapshot */

static void add_book(struct home_tally *h, struct gc_class *c, u32 cls)
{
	struct class_tally *t = &h->collected[cls];
	u64 b[BOOK_ITEMS];

	snapshot_read_book(&c->book, b);
	t->mallocs += b[G_MALLOCS];
	t->frees += b[G_FREES] + b[G_SWEPT];
	t->spans += b[G_SPANS];
	t->in_transit += b[G_CPU_OUT] - b[G_CPU_IN];
	h->collected_bytes += b[G_BYTES];
	if (!cls) {
		h->collected_large += b[G_BYTES];
		h->collected_large_made += b[G_LARGE];
	}
}

/* What follows from the counts of a class, caches and books together. */
static void close_class(struct class_tally *t, u32 cls)
{
	t->live = t->mallocs - t->frees;
	if (cls)
		t->central_free = t->spans * size_classes[cls].objects - t->live - t->cpu_cached -
				  t->in_transit;
}

static void add_sums(const struct home_tally *h)
{
	for (u32 cls = 0; cls < NR_CLASSES; cls++) {
		const struct class_tally *c = &h->collected[cls];

		sums[cls].mallocs += c->mallocs;
		sums[cls].frees += c->frees;
		sums[cls].live += c->live;
		sums[cls].cpu_cached += c->cpu_cached;
		sums[cls].central_free += c->central_free;
		sums[cls].in_transit += c->in_transit;
		sums[cls].spans += c->spans;
	}
	large_bytes += h->collected_large;
	large_made += h->collected_large_made;
	span_bytes_sum += h->collected_bytes;
}

void gc_stat_snapshot(struct tally *t)
{
	struct gc_class *c;
	u32 home, kind, cls;

	memset(sums, 0, sizeof(sums));
	large_bytes = large_made = span_bytes_sum = 0;
	viewed = false;
	for (u32 i = 0; (c = gc_class_at(i, &home, &kind, &cls)) != NULL; i++) {
		if (layout_in_use(kind, cls))
			add_book(&t->home[home], c, cls);
	}
	for (u32 h = 0; h < homes_made(); h++) {
		for (cls = 0; cls < NR_CLASSES; cls++)
			close_class(&t->home[h].collected[cls], cls);
		add_sums(&t->home[h]);
	}
}

static void walk_span(struct gc_object *o, struct span *s, void *tally)
{
	struct home_tally *h = &((struct tally *)tally)->home[o->page >> (HOME_SHIFT - PAGE_SHIFT)];
	struct class_tally *c = &h->collected[o->cls];
	u32 nfree = o->cls ? bits_weight(span_bitmap(s), 0, s->nobjects) : 0;

	c->spans++;
	c->central_free += nfree;
	c->live += s->nobjects - nfree;
	h->collected_bytes += span_bytes(s);
	if (!o->cls)
		h->collected_large += span_bytes(s);
}

void gc_stat_walk(struct tally *t)
{
	gc_each_span(walk_span, t);
	for (u32 h = 0; h < homes_made(); h++) {
		for (u32 cls = 1; cls < NR_CLASSES; cls++)
			t->home[h].collected[cls].live -= t->home[h].collected[cls].cpu_cached;
	}
}

static void fill(struct lane_gc_stats *st)
{
	/* When one that shares a slot is freed nobody knows: it counts as freed at once. */
	u64 tiny = threads_tiny_allocs();

	st->allocated_objects = tiny;
	st->freed_objects = tiny;
	for (u32 cls = 0; cls < NR_CLASSES; cls++) {
		const struct class_tally *c = &sums[cls];
		u64 size = cls ? size_classes[cls].size : 0;

		st->allocated_objects += c->mallocs;
		st->freed_objects += c->frees;
		st->live_objects += c->live;
		st->allocated += cls ? c->mallocs * size : large_made;
		st->freed += cls ? c->frees * size : large_made - large_bytes;
		st->live += cls ? c->live * size : large_bytes;
		st->cached += c->cpu_cached * size;
		st->free += c->central_free * size;
	}
	st->spans = span_bytes_sum;
	st->tiny_allocs = tiny;
	st->cycles = READ_ONCE(cycle.cycles);
	st->forced = READ_ONCE(cycle.forced);
	st->phase = READ_ONCE(gc.phase);
	st->threads = READ_ONCE(threads_attached);
	st->heap_live = READ_ONCE(heap.live);
	st->heap_marked = READ_ONCE(heap.last_marked);
	st->goal = READ_ONCE(heap.pacer.goal);
	st->trigger = READ_ONCE(heap.pacer.trigger);
	st->scan_work = READ_ONCE(heap.work);
	st->bg_credit = READ_ONCE(heap.pool);
	st->assist_ns = READ_ONCE(heap.assist_ns);
	st->worker_ns = READ_ONCE(heap.worker_ns);
	st->sweep_ns = READ_ONCE(heap.sweep_ns);
	st->stack_copies = READ_ONCE(threads_copies);
	st->stack_copy_max_ns = READ_ONCE(threads_copy_max_ns);
	st->cycle_ns = READ_ONCE(cycle.mark_ns);
	st->finalizers = READ_ONCE(finalizers_run);
	st->limited_ns = READ_ONCE(heap.limited_ns);
}

/* At the first use: what the threads count is not asked for where nobody wants it. */
const struct gc_stat_view *gc_stat_view(void)
{
	if (!viewed) {
		view = (struct gc_stat_view){.st.sz = sizeof(view.st)};
		fill(&view.st);
		view.failed = READ_ONCE(gc.failed);
		view.percent = READ_ONCE(heap.pacer.percent);
		view.limit = READ_ONCE(heap.pacer.limit);
		viewed = true;
	}
	return &view;
}

/* Of the first release. A program that was built with it gets what it knows. */
#define SIZE_LEAST offsetof(struct lane_gc_stats, limited_ns)

LANE_API int lane_gc_stats_read(struct lane_gc_stats *st)
{
	struct lane_gc_stats now;
	struct lane_stats all = {.sz = sizeof(all)};

	if (!st || st->sz < SIZE_LEAST)
		return -EINVAL;
	if (!READ_ONCE(gc.ready))
		return -EAGAIN;
	snapshot_lock();
	snapshot_read(&all);
	now = gc_stat_view()->st;
	snapshot_unlock();
	now.sz = st->sz;
	memcpy(st, &now, min(st->sz, sizeof(now)));
	return 0;
}

void gc_stat_show(struct seq_file *m)
{
	static const char *const phases[] = {"off", "mark", "mark_termination", "sweep"};
	const struct gc_stat_view *v = gc_stat_view();
	const struct lane_gc_stats *st = &v->st;

	seq_printf(m, "state %s\n", v->failed ? "failed" : "on");
	seq_printf(m, "phase %s\n", phases[st->phase]);
	seq_printf(m, "cycles %lu\n", U64(st->cycles));
	seq_printf(m, "forced %lu\n", U64(st->forced));
	seq_printf(m, "threads %u\n", st->threads);
	seq_printf(m, "percent %d\n", v->percent);
	seq_printf(m, "memory_limit %lu\n", U64(v->limit));
	seq_printf(m, "allocated_objects %lu\n", U64(st->allocated_objects));
	seq_printf(m, "freed_objects %lu\n", U64(st->freed_objects));
	seq_printf(m, "live_objects %lu\n", U64(st->live_objects));
	seq_printf(m, "tiny_allocs %lu\n", U64(st->tiny_allocs));
	seq_printf(m, "live %lu\n", U64(st->live));
	seq_printf(m, "cached %lu\n", U64(st->cached));
	seq_printf(m, "free %lu\n", U64(st->free));
	seq_printf(m, "spans %lu\n", U64(st->spans));
	seq_printf(m, "heap_live %lu\n", U64(st->heap_live));
	seq_printf(m, "heap_marked %lu\n", U64(st->heap_marked));
	seq_printf(m, "goal %lu\n", U64(st->goal));
	seq_printf(m, "trigger %lu\n", U64(st->trigger));
	seq_printf(m, "scan_work %lu\n", U64(st->scan_work));
	seq_printf(m, "bg_credit %ld\n", (long)st->bg_credit);
	seq_printf(m, "assist_ns %lu\n", U64(st->assist_ns));
	seq_printf(m, "worker_ns %lu\n", U64(st->worker_ns));
	seq_printf(m, "sweep_ns %lu\n", U64(st->sweep_ns));
	seq_printf(m, "cycle_ns %lu\n", U64(st->cycle_ns));
	seq_printf(m, "stack_copies %lu\n", U64(st->stack_copies));
	seq_printf(m, "stack_copy_max_ns %lu\n", U64(st->stack_copy_max_ns));
	seq_printf(m, "finalizers %lu\n", U64(st->finalizers));
	seq_printf(m, "limited_ns %lu\n", U64(st->limited_ns));
	seq_printf(m, "size allocated freed live cached free in_transit spans\n");
	for (u32 i = 1; i <= NR_CLASSES; i++) {
		u32 cls = i % NR_CLASSES; /* large ones last */
		const struct class_tally *c = &sums[cls];

		if (c->mallocs || c->spans)
			seq_printf(m, "%u %lu %lu %lu %lu %lu %lu %lu\n",
				   cls ? size_classes[cls].size : 0, U64(c->mallocs), U64(c->frees),
				   U64(c->live), U64(c->cpu_cached), U64(c->central_free),
				   U64(c->in_transit), U64(c->spans));
	}
}
