// SPDX-License-Identifier: MIT
#include "tally.h"

#include <string.h>

#include "lanes.h"
#include "node_heap.h"

static struct tally tally;

/* Rows that the caller of the present tally has room for. */
static struct {
	u32 classes;
	u32 cpus;
	u32 nodes;
} room;

struct tally *tally_begin(struct lane_stats *st)
{
	struct lane_stats empty = {
		.sz = st->sz, .classes = st->classes, .cpus = st->cpus, .nodes = st->nodes};
	struct home_tally *end = &tally.home[MAX_HOMES];

	room.classes = st->classes ? st->nr_classes : 0;
	room.cpus = st->cpus ? st->nr_cpus : 0;
	room.nodes = st->nodes ? st->nr_nodes : 0;
	*st = empty;
	memset(tally.home, 0, nr_homes * sizeof(tally.home[0]));
	memset(end, 0, (size_t)((char *)(&tally + 1) - (char *)end));
	return &tally;
}

void tally_cpu(struct lane_stats *st, const struct lane_cpu_stats *row)
{
	if (st->nr_cpus < room.cpus)
		st->cpus[st->nr_cpus] = *row;
	st->nr_cpus++;
}

/* One class of one home, into its row of the node. */
static void add_class(struct lane_node_stats *n, const struct class_tally *c, u32 cls)
{
	u64 size = size_classes[cls].size;

	n->mallocs += c->mallocs;
	n->frees += c->frees;
	n->live_objects += c->live;
	n->in_use += c->live * size;
	n->cpu_cached += c->cpu_cached * size;
	n->transfer_cached += c->transfer_cached * size;
	n->central_free += c->central_free * size;
	n->in_transit += c->in_transit * size;
	n->quarantine += c->quarantine * size;
	n->span_tail += c->spans * size_classes[cls].span_tail;
}

static struct lane_node_stats node_row(const struct tally *t, u32 home)
{
	const struct home_tally *h = &t->home[home];
	struct lane_node_stats n = {
		.node = node_heaps[home]->node,
		.bound = node_heaps[home]->bound,
		.mallocs = h->large_mallocs,
		.frees = h->large_frees,
		.live_objects = h->large_live,
		.in_use = h->large_bytes,
		.quarantine = h->held_bytes,
		.page_heap_free = h->page_free,
		.released = h->released,
		.collected = h->collected_bytes,
		.mapped = h->opened,
		.reserved = h->opened, /* the range itself is reserved for all: row -1 */
	};

	for (u32 c = 1; c < NR_CLASSES; c++)
		add_class(&n, &h->cls[c], c);
	return n;
}

/* What belongs to no node. */
static struct lane_node_stats shared_row(const struct tally *t)
{
	struct lane_node_stats n = {
		.node = -1,
		.mallocs = t->mapped_mallocs,
		.frees = t->mapped_frees,
		.live_objects = t->mapped_live,
		.in_use = t->mapped_bytes,
		.metadata = t->meta_mapped,
		.mapped = t->mapped_bytes + t->meta_mapped,
		.reserved = t->meta_reserved + t->mapped_bytes,
	};

	for (u32 h = 0; h < nr_homes; h++)
		n.reserved -= t->home[h].opened;
	return n;
}

static void add_node(struct lane_stats *st, const struct lane_node_stats *n)
{
	st->mallocs += n->mallocs;
	st->frees += n->frees;
	st->live_objects += n->live_objects;
	st->in_use += n->in_use;
	st->cpu_cached += n->cpu_cached;
	st->transfer_cached += n->transfer_cached;
	st->central_free += n->central_free;
	st->in_transit += n->in_transit;
	st->span_tail += n->span_tail;
	st->page_heap_free += n->page_heap_free;
	st->released += n->released;
	st->collected += n->collected;
	st->quarantine += n->quarantine;
	st->metadata += n->metadata;
	st->mapped += n->mapped;
	st->reserved += n->reserved;
	if (st->nr_nodes < room.nodes)
		st->nodes[st->nr_nodes] = *n;
	st->nr_nodes++;
}

static struct lane_class_stats class_row(const struct tally *t, u32 cls)
{
	struct lane_class_stats r = {.size = size_classes[cls].size};

	for (u32 h = 0; h < nr_homes; h++) {
		const struct class_tally *c = &t->home[h].cls[cls];

		r.mallocs += c->mallocs;
		r.frees += c->frees;
		r.live += c->live;
		r.cpu_cached += c->cpu_cached;
		r.transfer_cached += c->transfer_cached;
		r.central_free += c->central_free;
		r.in_transit += c->in_transit;
		r.quarantine += c->quarantine * r.size;
		r.spans += c->spans;
		r.refills += c->refills;
		r.flushes += c->flushes;
	}
	r.in_use = r.live * r.size;
	r.span_bytes = r.spans * ((u64)size_classes[cls].pages << PAGE_SHIFT);
	return r;
}

static struct lane_class_stats large_row(const struct tally *t)
{
	struct lane_class_stats r = {
		.mallocs = t->mapped_mallocs,
		.frees = t->mapped_frees,
		.live = t->mapped_live,
		.in_use = t->mapped_bytes,
	};

	for (u32 h = 0; h < nr_homes; h++) {
		r.mallocs += t->home[h].large_mallocs;
		r.frees += t->home[h].large_frees;
		r.live += t->home[h].large_live;
		r.in_use += t->home[h].large_bytes;
		r.quarantine += t->home[h].held_bytes;
	}
	r.spans = r.live;
	r.span_bytes = r.in_use;
	return r;
}

void tally_end(const struct tally *t, struct lane_stats *st)
{
	struct lane_cpu_stats direct = {.cpu = -1,
					.node = -1,
					.mallocs = t->direct_mallocs + t->mapped_mallocs,
					.frees = t->direct_frees + t->mapped_frees};
	struct lane_node_stats node;

	for (u32 h = 0; h < nr_homes; h++) {
		direct.mallocs += t->home[h].large_mallocs;
		direct.frees += t->home[h].large_frees;
		node = node_row(t, h);
		add_node(st, &node);
	}
	node = shared_row(t);
	add_node(st, &node);
	tally_cpu(st, &direct);
	st->nr_classes = NR_SMALL + 1;
	for (u32 c = 1; c <= min(room.classes, NR_SMALL); c++)
		st->classes[c - 1] = class_row(t, c);
	if (room.classes > NR_SMALL)
		st->classes[NR_SMALL] = large_row(t);
}
