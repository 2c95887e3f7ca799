// SPDX-License-Identifier: MIT
#include "metrics.h"

#include <string.h>

#include "fence.h"
#include "hooks.h"
#include "procfs.h"

#define TOTAL(f) offsetof(struct lane_stats, f)
static const struct metrics_family totals[] = {
	{"snapshots", NULL, COUNTER, TOTAL(generation), "Snapshots taken, this one included."},
	{"mallocs", NULL, COUNTER, TOTAL(mallocs), "Objects handed out."},
	{"frees", NULL, COUNTER, TOTAL(frees), "Objects taken back."},
	{"live", "objects", GAUGE, TOTAL(live_objects), "Objects that the program holds."},
	{"in_use", "bytes", GAUGE, TOTAL(in_use), "Taken by live objects."},
	{"cpu_cached", "bytes", GAUGE, TOTAL(cpu_cached), "Free objects in CPU caches."},
	{"transfer_cached", "bytes", GAUGE, TOTAL(transfer_cached),
	 "Free objects in transfer caches."},
	{"central_free", "bytes", GAUGE, TOTAL(central_free), "Free objects in spans."},
	{"in_transit", "bytes", GAUGE, TOTAL(in_transit), "Free objects between two layers."},
	{"span_tail", "bytes", GAUGE, TOTAL(span_tail), "Ends of spans too short for an object."},
	{"page_heap_free", "bytes", GAUGE, TOTAL(page_heap_free), "Free pages, not released."},
	{"released", "bytes", GAUGE, TOTAL(released), "Free pages that the system holds."},
	{"metadata", "bytes", GAUGE, TOTAL(metadata), "Mapped for the allocator itself."},
	{"collected", "bytes", GAUGE, TOTAL(collected), "Spans of the collected heap."},
	{"quarantine", "bytes", GAUGE, TOTAL(quarantine), "Freed objects held back."},
	{"mapped", "bytes", GAUGE, TOTAL(mapped), "Mapped writable, the sum of all above."},
	{"reserved", "bytes", GAUGE, TOTAL(reserved), "Address space set aside."},
};

#define CLASS(f) offsetof(struct lane_class_stats, f)
static const struct metrics_family classes[] = {
	{"mallocs", NULL, COUNTER, CLASS(mallocs), "Objects of the class handed out."},
	{"frees", NULL, COUNTER, CLASS(frees), "Objects of the class taken back."},
	{"live", "objects", GAUGE, CLASS(live), "Objects that the program holds."},
	{"in_use", "bytes", GAUGE, CLASS(in_use), "Taken by live objects."},
	{"cpu_cached", "objects", GAUGE, CLASS(cpu_cached), "Free in CPU caches."},
	{"transfer_cached", "objects", GAUGE, CLASS(transfer_cached), "Free in transfer caches."},
	{"central_free", "objects", GAUGE, CLASS(central_free), "Free in spans."},
	{"in_transit", "objects", GAUGE, CLASS(in_transit), "Free between two layers."},
	{"spans", NULL, GAUGE, CLASS(spans), "Spans that hold the class."},
	{"span", "bytes", GAUGE, CLASS(span_bytes), "Taken by those spans."},
	{"refills", NULL, COUNTER, CLASS(refills), "Batches taken by CPU caches."},
	{"flushes", NULL, COUNTER, CLASS(flushes), "Batches given back by CPU caches."},
	{"quarantine", "bytes", GAUGE, CLASS(quarantine), "Freed objects held back."},
};

#define CPU(f) offsetof(struct lane_cpu_stats, f)
static const struct metrics_family cpus[] = {
	{"mallocs", NULL, COUNTER, CPU(mallocs), "Objects handed out on this CPU."},
	{"frees", NULL, COUNTER, CPU(frees), "Objects taken back on this CPU."},
	{"remote_frees", NULL, COUNTER, CPU(remote_frees), "Of them, objects of another node."},
	{"cached", "bytes", GAUGE, CPU(cached), "Free objects in this CPU's cache."},
	{"capacity", "bytes", GAUGE, CPU(capacity), "What the cache may hold."},
	{"refills", NULL, COUNTER, CPU(refills), "Batches taken."},
	{"flushes", NULL, COUNTER, CPU(flushes), "Batches given back."},
};

#define NODE(f) offsetof(struct lane_node_stats, f)
static const struct metrics_family nodes[] = {
	{"mallocs", NULL, COUNTER, NODE(mallocs), "Objects of this node handed out."},
	{"frees", NULL, COUNTER, NODE(frees), "Objects of this node taken back."},
	{"live", "objects", GAUGE, NODE(live_objects), "Objects that the program holds."},
	{"in_use", "bytes", GAUGE, NODE(in_use), "Taken by live objects."},
	{"cpu_cached", "bytes", GAUGE, NODE(cpu_cached), "Free objects in CPU caches."},
	{"transfer_cached", "bytes", GAUGE, NODE(transfer_cached),
	 "Free objects in transfer caches."},
	{"central_free", "bytes", GAUGE, NODE(central_free), "Free objects in spans."},
	{"in_transit", "bytes", GAUGE, NODE(in_transit), "Free objects between two layers."},
	{"span_tail", "bytes", GAUGE, NODE(span_tail), "Ends of spans too short for an object."},
	{"page_heap_free", "bytes", GAUGE, NODE(page_heap_free), "Free pages, not released."},
	{"released", "bytes", GAUGE, NODE(released), "Free pages that the system holds."},
	{"metadata", "bytes", GAUGE, NODE(metadata), "Mapped for the allocator itself."},
	{"collected", "bytes", GAUGE, NODE(collected), "Spans of the collected heap."},
	{"quarantine", "bytes", GAUGE, NODE(quarantine), "Freed objects held back."},
	{"mapped", "bytes", GAUGE, NODE(mapped), "Mapped writable, the sum of all above."},
	{"reserved", "bytes", GAUGE, NODE(reserved), "Address space set aside."},
};

/* Rows with the same families. @label writes what stands in braces, or returns false: left out. */
struct scope {
	const char *prefix;
	const struct metrics_family *families;
	u32 nr_families;
	const void *rows;
	size_t row_size; /* bytes */
	u32 nr_rows;
	bool (*label)(struct seq_file *m, const void *row);
};

/* What never was in use is left out: most programs use few classes, and few of all possible CPUs.
 */
static bool class_label(struct seq_file *m, const void *row)
{
	const struct lane_class_stats *c = row;

	if (!c->mallocs && !c->spans)
		return false;
	if (c->size)
		seq_printf(m, "{size=\"%lu\"}", (unsigned long)c->size);
	else
		seq_printf(m, "{size=\"large\"}");
	return true;
}

static bool cpu_label(struct seq_file *m, const void *row)
{
	const struct lane_cpu_stats *c = row;

	if (!c->mallocs && !c->frees && !c->capacity)
		return false;
	seq_printf(m, "{cpu=\"%d\",node=\"%d\"}", c->cpu, c->node);
	return true;
}

static bool node_label(struct seq_file *m, const void *row)
{
	const struct lane_node_stats *n = row;

	seq_printf(m, "{node=\"%d\"}", n->node);
	return true;
}

static bool no_label(struct seq_file *m, const void *row)
{
	(void)m, (void)row;
	return true;
}

static void show_name(struct seq_file *m, const struct scope *s, const struct metrics_family *f)
{
	seq_printf(m, "lane_%s%s%s%s", s->prefix, f->name, f->unit ? "_" : "",
		   f->unit ? f->unit : "");
}

static void show_head(struct seq_file *m, const struct scope *s, const struct metrics_family *f)
{
	seq_printf(m, "# TYPE ");
	show_name(m, s, f);
	seq_printf(m, " %s\n", f->kind == COUNTER ? "counter" : "gauge");
	if (f->unit) {
		seq_printf(m, "# UNIT ");
		show_name(m, s, f);
		seq_printf(m, " %s\n", f->unit);
	}
	seq_printf(m, "# HELP ");
	show_name(m, s, f);
	seq_printf(m, " %s\n", f->help);
}

static void show_value(struct seq_file *m, const struct metrics_family *f, unsigned long value)
{
	if (f->unit && !strcmp(f->unit, "seconds"))
		seq_printf(m, " %lu.%09lu\n", value / 1000000000, value % 1000000000);
	else
		seq_printf(m, " %lu\n", value);
}

static void show_sample(struct seq_file *m, const struct scope *s, const struct metrics_family *f,
			const void *row)
{
	struct seq_file start = *m;

	show_name(m, s, f);
	if (f->kind == COUNTER)
		seq_printf(m, "_total");
	if (s->label(m, row))
		show_value(m, f, *(const unsigned long *)((const char *)row + f->at));
	else
		*m = start; /* nothing has been said */
}

static void show_scope(struct seq_file *m, const struct scope *s)
{
	for (u32 i = 0; i < s->nr_families; i++) {
		show_head(m, s, &s->families[i]);
		for (u32 r = 0; r < s->nr_rows; r++)
			show_sample(m, s, &s->families[i], (const char *)s->rows + r * s->row_size);
	}
}

void metrics_show_row(struct seq_file *m, const char *prefix, const struct metrics_family *families,
		      u32 n, const void *row)
{
	struct scope s = {prefix, families, n, row, 0, 1, no_label};

	show_scope(m, &s);
}

#define FAMILIES(a) a, ARRAY_SIZE(a)

void metrics_show(struct seq_file *m, const struct lane_stats *st)
{
	const struct scope scopes[] = {
		{"", FAMILIES(totals), st, sizeof(*st), 1, no_label},
		{"class_", FAMILIES(classes), st->classes, sizeof(*st->classes), st->nr_classes,
		 class_label},
		{"percpu_", FAMILIES(cpus), st->cpus, sizeof(*st->cpus), st->nr_cpus, cpu_label},
		{"node_", FAMILIES(nodes), st->nodes, sizeof(*st->nodes), st->nr_nodes, node_label},
	};

	seq_printf(m,
		   "# TYPE lane_build_info gauge\n"
		   "# HELP lane_build_info The library, and how its caches work here.\n"
		   "lane_build_info{version=\"%s\",mode=\"%s\"} 1\n",
		   LANE_VERSION, procfs_mode_name(st->mode));
	seq_printf(m,
		   "# TYPE lane_fence_refused gauge\n"
		   "# HELP lane_fence_refused 1 where snapshots are not exact any more.\n"
		   "lane_fence_refused %d\n",
		   fence_refused ? 1 : 0);
	for (u32 i = 0; i < ARRAY_SIZE(scopes); i++)
		show_scope(m, &scopes[i]);
	if (hooks.metrics)
		hooks.metrics(m);
}
