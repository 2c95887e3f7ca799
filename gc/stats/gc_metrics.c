// SPDX-License-Identifier: MIT
/*
 * gc_metrics.c - the collected heap's families of the file metrics: the fields of struct
 * lane_gc_stats, by the rules of Documentation/stats.rst. A hook (percpu/process/hooks.h).
 */
#include "gc_stat.h"
#include "metrics.h"

struct row {
	struct lane_gc_stats st;
	u64 failed, phase, threads, credit; /* narrower there, or signed */
};

#define STAT(f) (offsetof(struct row, st) + offsetof(struct lane_gc_stats, f))
#define ROW(f) offsetof(struct row, f)

static const struct metrics_family families[] = {
	{"failed", NULL, GAUGE, ROW(failed), "1 where no cycle can begin any more."},
	{"phase", NULL, GAUGE, ROW(phase), "0 off, 1 marking, 2 mark termination, 3 sweeping."},
	{"threads", NULL, GAUGE, ROW(threads), "Threads that are attached."},
	{"cycles", NULL, COUNTER, STAT(cycles), "Cycles completed."},
	{"forced", NULL, COUNTER, STAT(forced), "Of them, by lane_gc_collect()."},
	{"allocated", "objects", COUNTER, STAT(allocated_objects), "Objects handed out."},
	{"freed", "objects", COUNTER, STAT(freed_objects), "Objects swept or freed."},
	{"live", "objects", GAUGE, STAT(live_objects), "Objects not swept or freed yet."},
	{"tiny_allocs", NULL, COUNTER, STAT(tiny_allocs),
	 "Of the objects, those in others' slots."},
	{"allocated", "bytes", COUNTER, STAT(allocated), "Handed out."},
	{"freed", "bytes", COUNTER, STAT(freed), "Swept or freed."},
	{"live", "bytes", GAUGE, STAT(live), "Taken by objects not swept or freed yet."},
	{"cached", "bytes", GAUGE, STAT(cached), "Free objects in CPU caches."},
	{"free", "bytes", GAUGE, STAT(free), "Free objects in spans."},
	{"spans", "bytes", GAUGE, STAT(spans), "Spans that hold collected objects."},
	{"heap_live", "bytes", GAUGE, STAT(heap_live), "The heap as the pacer counts it."},
	{"heap_marked", "bytes", GAUGE, STAT(heap_marked), "Marked by the last cycle."},
	{"goal", "bytes", GAUGE, STAT(goal), "What the heap shall not grow beyond."},
	{"trigger", "bytes", GAUGE, STAT(trigger), "Where the next marking begins."},
	{"scan_work", "bytes", GAUGE, STAT(scan_work), "Scanned in this or the last marking."},
	{"bg_credit", "bytes", GAUGE, ROW(credit), "Scan work that allocators may take."},
	{"assist", "seconds", COUNTER, STAT(assist_ns), "Marking by threads that allocate."},
	{"worker", "seconds", COUNTER, STAT(worker_ns), "CPU time of marking in the background."},
	{"sweep", "seconds", COUNTER, STAT(sweep_ns), "Sweeping in the background."},
	{"limited", "seconds", COUNTER, STAT(limited_ns),
	 "Marking without assists, by the limit on CPU time."},
	{"cycle", "seconds", GAUGE, STAT(cycle_ns), "The last marking."},
	{"stack_copies", NULL, COUNTER, STAT(stack_copies), "Stacks copied."},
	{"stack_copy_max", "seconds", GAUGE, STAT(stack_copy_max_ns),
	 "The longest a thread was held for it."},
	{"finalizers", NULL, COUNTER, STAT(finalizers), "Finalizers run."},
};

void gc_metrics_show(struct seq_file *m)
{
	const struct gc_stat_view *v = gc_stat_view();
	struct row row = {.st = v->st, .failed = v->failed};

	row.phase = row.st.phase;
	row.threads = row.st.threads;
	row.credit = row.st.bg_credit > 0 ? (u64)row.st.bg_credit : 0;
	metrics_show_row(m, "gc_", families, ARRAY_SIZE(families), &row);
}
