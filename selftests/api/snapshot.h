/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - snapshots with room for all rows, and the identities that
 * every one of them must keep, whatever other threads do.
 */
#ifndef LANE_API_SNAPSHOT_H
#define LANE_API_SNAPSHOT_H

#include "common.h"

#define SNAP_CLASSES 1024
#define SNAP_CPUS 8200
#define SNAP_NODES 130

/* Large: keep it static. */
struct snap {
	struct lane_stats st;
	struct lane_class_stats classes[SNAP_CLASSES];
	struct lane_cpu_stats cpus[SNAP_CPUS];
	struct lane_node_stats nodes[SNAP_NODES];
};

static inline void snap_prepare(struct snap *s)
{
	memset(&s->st, 0, sizeof(s->st));
	s->st.sz = sizeof(s->st);
	s->st.nr_classes = SNAP_CLASSES;
	s->st.nr_cpus = SNAP_CPUS;
	s->st.nr_nodes = SNAP_NODES;
	s->st.classes = s->classes;
	s->st.cpus = s->cpus;
	s->st.nodes = s->nodes;
}

static inline int snap_read(struct snap *s)
{
	snap_prepare(s);
	return lane_stats_read(&s->st);
}

static inline int snap_walk(struct snap *s)
{
	snap_prepare(s);
	return lane_stats_walk(&s->st);
}

/* The row of the class that an object of @size bytes belongs to. */
static inline unsigned int snap_class(const struct snap *s, size_t size)
{
	unsigned int last = s->st.nr_classes - 1;

	for (unsigned int c = 0; c < last; c++)
		if (s->classes[c].size >= size)
			return c;
	return last;
}

struct snap_fault {
	int count;
	bool quiet;
};

/* One figure that has to equal another; says so where it does not. */
static inline void snap_same(struct snap_fault *f, const char *what, uint64_t a, uint64_t b)
{
	if (a == b)
		return;
	if (f->count++ < 20 && !f->quiet)
		ksft_print_msg("%s: %llu != %llu (off by %lld)", what, (unsigned long long)a,
			       (unsigned long long)b, (long long)(a - b));
}

static inline void snap_least(struct snap_fault *f, const char *what, uint64_t a, uint64_t b)
{
	if (a >= b)
		return;
	if (f->count++ < 20 && !f->quiet)
		ksft_print_msg("%s: %llu < %llu", what, (unsigned long long)a,
			       (unsigned long long)b);
}

#define SNAP_SUM(rows, n, field)                                                                   \
	({                                                                                         \
		uint64_t sum_ = 0;                                                                 \
		for (unsigned int i_ = 0; i_ < (n); i_++)                                          \
			sum_ += (rows)[i_].field;                                                  \
		sum_;                                                                              \
	})

static inline void snap_check_classes(struct snap_fault *f, const struct snap *s, bool walked)
{
	const struct lane_class_stats *c = s->classes;
	uint64_t cached = 0, transfer = 0, central = 0, transit = 0, tail = 0;
	unsigned int n = s->st.nr_classes;

	for (unsigned int i = 0; i < n; i++) {
		bool large = i == n - 1;
		uint64_t held = c[i].cpu_cached + c[i].transfer_cached + c[i].central_free +
				c[i].in_transit;
		/* A large one's span is in no class any more. */
		uint64_t quarantine = large ? 0 : c[i].quarantine;

		if (!walked)
			snap_same(f, "class: mallocs - frees = live", c[i].mallocs - c[i].frees,
				  c[i].live);
		snap_least(f, "class: live >= 0", INT64_MAX, c[i].live);
		snap_least(f, "class: in_transit >= 0", INT64_MAX, c[i].in_transit);
		if (large) {
			snap_same(f, "large class: size", c[i].size, 0);
			snap_same(f, "large class: objects cached", held, 0);
		} else {
			snap_same(f, "class: live * size = in_use", c[i].live * c[i].size,
				  c[i].in_use);
		}
		snap_least(f, "class: span_bytes hold its objects", c[i].span_bytes,
			   c[i].in_use + held * c[i].size + quarantine);
		cached += c[i].cpu_cached * c[i].size;
		transfer += c[i].transfer_cached * c[i].size;
		central += c[i].central_free * c[i].size;
		transit += c[i].in_transit * c[i].size;
		tail += c[i].span_bytes - c[i].in_use - held * c[i].size - quarantine;
	}
	if (!walked) {
		snap_same(f, "mallocs = sum over classes", s->st.mallocs, SNAP_SUM(c, n, mallocs));
		snap_same(f, "frees = sum over classes", s->st.frees, SNAP_SUM(c, n, frees));
	}
	snap_same(f, "live_objects = sum over classes", s->st.live_objects, SNAP_SUM(c, n, live));
	snap_same(f, "in_use = sum over classes", s->st.in_use, SNAP_SUM(c, n, in_use));
	snap_same(f, "cpu_cached = sum over classes", s->st.cpu_cached, cached);
	snap_same(f, "transfer_cached = sum over classes", s->st.transfer_cached, transfer);
	snap_same(f, "central_free = sum over classes", s->st.central_free, central);
	snap_same(f, "in_transit = sum over classes", s->st.in_transit, transit);
	snap_same(f, "quarantine = sum over classes", s->st.quarantine, SNAP_SUM(c, n, quarantine));
	snap_same(f, "span_tail = sum over classes", s->st.span_tail, tail);
}

static inline void snap_check_cpus(struct snap_fault *f, const struct snap *s, bool walked)
{
	const struct lane_cpu_stats *c = s->cpus;
	unsigned int n = s->st.nr_cpus;

	if (!walked) {
		snap_same(f, "mallocs = sum over cpus", s->st.mallocs, SNAP_SUM(c, n, mallocs));
		snap_same(f, "frees = sum over cpus", s->st.frees, SNAP_SUM(c, n, frees));
	}
	snap_same(f, "cpu_cached = sum over cpus", s->st.cpu_cached, SNAP_SUM(c, n, cached));
	for (unsigned int i = 0; i < n; i++)
		snap_least(f, "cpu: remote_frees are frees", c[i].frees,
			   walked ? 0 : c[i].remote_frees);
}

static inline uint64_t snap_mapped_sum_node(const struct lane_node_stats *n)
{
	return n->in_use + n->cpu_cached + n->transfer_cached + n->central_free + n->in_transit +
	       n->span_tail + n->page_heap_free + n->released + n->metadata + n->collected +
	       n->quarantine;
}

static inline void snap_check_nodes(struct snap_fault *f, const struct snap *s, bool walked)
{
	const struct lane_node_stats *v = s->nodes;
	const struct lane_stats *st = &s->st;
	unsigned int n = st->nr_nodes;

	if (!walked) {
		snap_same(f, "mallocs = sum over nodes", st->mallocs, SNAP_SUM(v, n, mallocs));
		snap_same(f, "frees = sum over nodes", st->frees, SNAP_SUM(v, n, frees));
	}
#define SNAP_NODE_FIELD(field)                                                                     \
	snap_same(f, #field " = sum over nodes", st->field, SNAP_SUM(v, n, field))
	SNAP_NODE_FIELD(live_objects);
	SNAP_NODE_FIELD(in_use);
	SNAP_NODE_FIELD(cpu_cached);
	SNAP_NODE_FIELD(transfer_cached);
	SNAP_NODE_FIELD(central_free);
	SNAP_NODE_FIELD(in_transit);
	SNAP_NODE_FIELD(span_tail);
	SNAP_NODE_FIELD(page_heap_free);
	SNAP_NODE_FIELD(released);
	SNAP_NODE_FIELD(metadata);
	SNAP_NODE_FIELD(mapped);
	SNAP_NODE_FIELD(reserved);
	SNAP_NODE_FIELD(quarantine);
#undef SNAP_NODE_FIELD
	for (unsigned int i = 0; i < n; i++) {
		if (!walked)
			snap_same(f, "node: mallocs - frees = live", v[i].mallocs - v[i].frees,
				  v[i].live_objects);
		snap_same(f, "node: mapped = sum of its parts", v[i].mapped,
			  snap_mapped_sum_node(&v[i]));
		snap_least(f, "node: reserved >= mapped", v[i].reserved, v[i].mapped);
		snap_least(f, "node: in_transit >= 0", INT64_MAX, v[i].in_transit);
	}
}

/* All identities; returns how many do not hold. A walk knows no cumulative counts. */
static inline int snap_faults(const struct snap *s, bool walked)
{
	const struct lane_stats *st = &s->st;
	struct snap_fault f = {0};

	if (st->nr_classes > SNAP_CLASSES || st->nr_cpus > SNAP_CPUS || st->nr_nodes > SNAP_NODES) {
		ksft_print_msg("more rows than this test has room for");
		return 1;
	}
	snap_same(&f, "mapped = sum of its parts", st->mapped,
		  st->in_use + st->cpu_cached + st->transfer_cached + st->central_free +
			  st->in_transit + st->span_tail + st->page_heap_free + st->released +
			  st->metadata + st->collected + st->quarantine);
	snap_least(&f, "reserved >= mapped", st->reserved, st->mapped);
	snap_least(&f, "in_transit >= 0", INT64_MAX, st->in_transit);
	snap_least(&f, "live_objects >= 0", INT64_MAX, st->live_objects);
	if (!walked)
		snap_same(&f, "mallocs - frees = live_objects", st->mallocs - st->frees,
			  st->live_objects);
	snap_check_classes(&f, s, walked);
	snap_check_cpus(&f, s, walked);
	snap_check_nodes(&f, s, walked);
	return f.count;
}

static inline bool snap_good(const struct snap *s)
{
	return snap_faults(s, false) == 0;
}

#endif /* LANE_API_SNAPSHOT_H */
