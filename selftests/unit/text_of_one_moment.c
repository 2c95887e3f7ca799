// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * A file that is sent is rendered twice. What changes just between the two, as the program runs on,
 * neither cuts its end off nor leaves 0 bytes in it, and is not in it.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <lane/lane_prof.h>

#include "fence.h"
#include "heap.h"
#include "hooks.h"
#include "os.h"
#include "procfs.h"
#include "seq_file.h"

static struct os_ops real_os;
static void (*between)(void);

/* The text's pages are mapped after the first pass. */
static void *map_between(size_t len, int prot)
{
	void (*fn)(void) = between;

	between = NULL;
	if (fn)
		fn();
	return real_os.map(len, prot);
}

static bool ends_with(const struct procfs_text *t, const char *end)
{
	size_t n = strlen(end);

	return t->len > n && !memcmp(t->buf + PROCFS_HEAD + t->len - n, end, n);
}

/* It is whole, has @line, and ends with @end. */
static bool rendered(const char *name, void (*fn)(void), const char *line, const char *end)
{
	struct procfs_text t;
	bool right;

	between = fn;
	if (procfs_render(name, &t))
		return false;
	right = !between && strlen(t.buf + PROCFS_HEAD) == t.len && ends_with(&t, end) &&
		strstr(t.buf + PROCFS_HEAD, line);
	if (!right)
		ksft_print_msg("%s: %zu bytes, 0 after %zu, ends with: %s", name, t.len,
			       strlen(t.buf + PROCFS_HEAD),
			       t.buf + PROCFS_HEAD + (t.len > 40 ? t.len - 40 : 0));
	procfs_text_free(&t);
	between = NULL;
	return right;
}

static void grow(void)
{
	heap.assist_ns = heap.worker_ns = heap.sweep_ns = 1000000000000000000;
}

static void shrink(void)
{
	heap.assist_ns = heap.worker_ns = heap.sweep_ns = 7;
}

static bool figures(void (*before)(void), void (*after)(void), const char *info, const char *metric)
{
	bool right;

	before();
	right = rendered("gcinfo", after, info, "\n");
	before();
	right &= rendered("metrics", after, metric, "\n# EOF\n");
	before();
	return right & rendered("all", after, info, "\n");
}

static void rate_grows(void)
{
	lane_prof_set_rate(1UL << 30);
}

static void rate_shrinks(void)
{
	lane_prof_set_rate(0);
}

static bool rates(void)
{
	return rendered("conf", rate_grows, "\nprof_rate 0\n", "\nprof_peak false\n") &&
	       rendered("conf", rate_shrinks, "\nprof_rate 1073741824\n", "\nprof_peak false\n");
}

static void lose_fence(void)
{
	fence_refused = true;
}

/* No part of a snapshot: what is said of it is of the later moment. */
static bool fence(void)
{
	bool right = rendered("heapinfo", lose_fence, "\nfence refused\n", "\n");

	fence_refused = false;
	return right;
}

static void show_little(struct seq_file *m)
{
	seq_printf(m, "state on\n");
}

static void show_much(struct seq_file *m)
{
	for (int i = 0; i < 10000; i++)
		seq_printf(m, "line %d\n", i);
}

static void say_much(void)
{
	hooks.show = show_much;
}

static bool much_longer(void)
{
	void (*show)(struct seq_file * m) = hooks.show;
	bool right;

	hooks.show = show_little;
	right = rendered("gcinfo", say_much, "\nline 0\n", "\nline 9999\n");
	hooks.show = show;
	return right;
}

int main(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};

	ksft_print_header();
	ksft_set_plan(6);
	unit_no_background();
	if (lane_gc_init(&o))
		ksft_exit_fail_msg("lane_gc_init");
	real_os = os;
	os.map = map_between;
	ksft_test_result(figures(shrink, grow, "\nassist_ns 7\n",
				 "\nlane_gc_assist_seconds_total 0.000000007\n"),
			 "figures that become longer are those of before");
	ksft_test_result(figures(grow, shrink, "\nassist_ns 1000000000000000000\n",
				 "\nlane_gc_assist_seconds_total 1000000000.000000000\n"),
			 "so are those that become shorter");
	shrink();
	ksft_test_result(rates(), "and the rates in conf");
	ksft_test_result(fence(), "a fence that is lost is said, and nothing cut off");
	ksft_test_result(much_longer(), "nor is anything of a text that is much longer by then");
	ksft_test_result(unit_books_right(), "the books are right");
	ksft_finished();
}
