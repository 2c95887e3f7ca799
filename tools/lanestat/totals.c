// SPDX-License-Identifier: MIT
#include "totals.h"

#include "rate.h"

static int64_t at(const struct text *t, int row, const char *column)
{
	return text_cell(t, row, text_column(t, column));
}

struct composition totals_row(const struct text *nodeinfo, int row)
{
	return (struct composition){
		.node = (int)at(nodeinfo, row, "node"),
		.in_use = at(nodeinfo, row, "in_use"),
		.cached = at(nodeinfo, row, "cpu_cached") + at(nodeinfo, row, "transfer_cached"),
		.free = at(nodeinfo, row, "central_free") + at(nodeinfo, row, "in_transit") +
			at(nodeinfo, row, "span_tail") + at(nodeinfo, row, "page_heap_free"),
		.released = at(nodeinfo, row, "released"),
		.metadata = at(nodeinfo, row, "metadata"),
		.mapped = at(nodeinfo, row, "mapped"),
	};
}

static void add(struct composition *sum, const struct composition *c)
{
	sum->in_use += c->in_use;
	sum->cached += c->cached;
	sum->free += c->free;
	sum->released += c->released;
	sum->metadata += c->metadata;
	sum->mapped += c->mapped;
}

void totals_add(struct composition *sum, struct composition *nodes, int *nr_nodes,
		const struct text *nodeinfo)
{
	for (int row = 0; row < nodeinfo->nr_rows; row++) {
		struct composition c = totals_row(nodeinfo, row);
		int i = 0;

		add(sum, &c);
		if (c.node < 0)
			continue;
		while (i < *nr_nodes && nodes[i].node != c.node)
			i++;
		if (i == TOTALS_NODES)
			continue;
		if (i == *nr_nodes)
			nodes[(*nr_nodes)++] = (struct composition){.node = c.node};
		add(&nodes[i], &c);
	}
}

struct operations totals_operations(const struct text *classinfo, const struct text *cpuinfo)
{
	return (struct operations){
		.mallocs = text_sum(classinfo, "mallocs"),
		.frees = text_sum(classinfo, "frees"),
		.refills = text_sum(classinfo, "refills"),
		.flushes = text_sum(classinfo, "flushes"),
		.remote_frees = text_sum(cpuinfo, "remote_frees"),
	};
}

struct operation_rates totals_rates(const struct operations *before, const struct operations *now,
				    double seconds)
{
	return (struct operation_rates){
		.mallocs = rate(before->mallocs, now->mallocs, seconds),
		.frees = rate(before->frees, now->frees, seconds),
		.refills = rate(before->refills, now->refills, seconds),
		.flushes = rate(before->flushes, now->flushes, seconds),
		.remote_frees = rate(before->remote_frees, now->remote_frees, seconds),
	};
}

void totals_add_rates(struct operation_rates *sum, const struct operation_rates *r)
{
	sum->mallocs = rate_add(sum->mallocs, r->mallocs);
	sum->frees = rate_add(sum->frees, r->frees);
	sum->refills = rate_add(sum->refills, r->refills);
	sum->flushes = rate_add(sum->flushes, r->flushes);
	sum->remote_frees = rate_add(sum->remote_frees, r->remote_frees);
}
