/* SPDX-License-Identifier: MIT */
/* same_as_walk.h - field by field: does a walk find what the books of a quiet process say? */
#ifndef LANE_API_SAME_AS_WALK_H
#define LANE_API_SAME_AS_WALK_H

#include "snapshot.h"

static inline void differ_classes(struct snap_fault *f, const struct snap *s, const struct snap *w)
{
	snap_same(f, "nr_classes", s->st.nr_classes, w->st.nr_classes);
	for (unsigned int c = 0; c < s->st.nr_classes; c++) {
		const struct lane_class_stats *a = &s->classes[c], *b = &w->classes[c];
		int before = f->count;

		snap_same(f, "class size", a->size, b->size);
		snap_same(f, "class live", a->live, b->live);
		snap_same(f, "class in_use", a->in_use, b->in_use);
		snap_same(f, "class cpu_cached", a->cpu_cached, b->cpu_cached);
		snap_same(f, "class transfer_cached", a->transfer_cached, b->transfer_cached);
		snap_same(f, "class central_free", a->central_free, b->central_free);
		snap_same(f, "class in_transit", a->in_transit, b->in_transit);
		snap_same(f, "class spans", a->spans, b->spans);
		snap_same(f, "class quarantine", a->quarantine, b->quarantine);
		snap_same(f, "class span_bytes", a->span_bytes, b->span_bytes);
		snap_same(f, "walk knows no mallocs", b->mallocs, 0);
		snap_same(f, "walk knows no frees", b->frees, 0);
		if (f->count != before && f->count < 20)
			ksft_print_msg("class %u of %llu bytes", c, (unsigned long long)a->size);
	}
}

static inline void differ_rows(struct snap_fault *f, const struct snap *s, const struct snap *w)
{
	snap_same(f, "nr_cpus", s->st.nr_cpus, w->st.nr_cpus);
	for (unsigned int c = 0; c < s->st.nr_cpus; c++) {
		snap_same(f, "cpu", (uint64_t)s->cpus[c].cpu, (uint64_t)w->cpus[c].cpu);
		snap_same(f, "cpu cached", s->cpus[c].cached, w->cpus[c].cached);
		snap_same(f, "cpu capacity", s->cpus[c].capacity, w->cpus[c].capacity);
	}
	snap_same(f, "nr_nodes", s->st.nr_nodes, w->st.nr_nodes);
	for (unsigned int n = 0; n < s->st.nr_nodes; n++) {
		const struct lane_node_stats *a = &s->nodes[n], *b = &w->nodes[n];

		snap_same(f, "node", (uint64_t)a->node, (uint64_t)b->node);
		snap_same(f, "node live_objects", a->live_objects, b->live_objects);
		snap_same(f, "node in_use", a->in_use, b->in_use);
		snap_same(f, "node cpu_cached", a->cpu_cached, b->cpu_cached);
		snap_same(f, "node transfer_cached", a->transfer_cached, b->transfer_cached);
		snap_same(f, "node central_free", a->central_free, b->central_free);
		snap_same(f, "node in_transit", a->in_transit, b->in_transit);
		snap_same(f, "node span_tail", a->span_tail, b->span_tail);
		snap_same(f, "node page_heap_free", a->page_heap_free, b->page_heap_free);
		snap_same(f, "node released", a->released, b->released);
		snap_same(f, "node metadata", a->metadata, b->metadata);
		snap_same(f, "node mapped", a->mapped, b->mapped);
		snap_same(f, "node reserved", a->reserved, b->reserved);
		snap_same(f, "node quarantine", a->quarantine, b->quarantine);
	}
}

static inline void differ_totals(struct snap_fault *f, const struct snap *s, const struct snap *w)
{
	const struct lane_stats *a = &s->st, *b = &w->st;

	snap_same(f, "mode", a->mode, b->mode);
	snap_same(f, "live_objects", a->live_objects, b->live_objects);
	snap_same(f, "in_use", a->in_use, b->in_use);
	snap_same(f, "cpu_cached", a->cpu_cached, b->cpu_cached);
	snap_same(f, "transfer_cached", a->transfer_cached, b->transfer_cached);
	snap_same(f, "central_free", a->central_free, b->central_free);
	snap_same(f, "in_transit when quiet", a->in_transit, 0);
	snap_same(f, "in_transit", a->in_transit, b->in_transit);
	snap_same(f, "span_tail", a->span_tail, b->span_tail);
	snap_same(f, "page_heap_free", a->page_heap_free, b->page_heap_free);
	snap_same(f, "released", a->released, b->released);
	snap_same(f, "metadata", a->metadata, b->metadata);
	snap_same(f, "mapped", a->mapped, b->mapped);
	snap_same(f, "reserved", a->reserved, b->reserved);
	snap_same(f, "quarantine", a->quarantine, b->quarantine);
}

/* How many figures of snapshot @s and walk @w differ. */
static inline int snap_differences(const struct snap *s, const struct snap *w)
{
	struct snap_fault f = {0};

	differ_totals(&f, s, w);
	differ_classes(&f, s, w);
	differ_rows(&f, s, w);
	return f.count;
}

#endif /* LANE_API_SAME_AS_WALK_H */
