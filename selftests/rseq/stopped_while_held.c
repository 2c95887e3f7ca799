// SPDX-License-Identifier: MIT
// variant: cpu LANE_CONF=mode:rseq
/*
 * One thread alone on its CPU is held inside a section, past the load of its
 * cache, while another takes a snapshot and stops and drains all lanes. The
 * section must not commit to what it has loaded: nothing may be left in the
 * caches or change there after the drain, and the counts are exact, also while
 * the thread is held.
 */
#include "inject.h"

#define SIZE 700
#define KEEP 100
#define ROUNDS 3
#define FROM 4 /* the first point past the load of the cache */
#define PATIENCE 10.0

static _Atomic bool stop;
static _Atomic uint64_t done; /* whole loops */

/* All sections run: blocks go empty and full, and roll after each snapshot. */
static void *loop(void *arg)
{
	void *p[KEEP];

	(void)arg;
	unit_pin(1);
	while (!atomic_load(&stop)) {
		for (int i = 0; i < KEEP; i++)
			p[i] = load_get(SIZE);
		for (int i = 0; i < KEEP; i++)
			load_put(p[i]);
		atomic_fetch_add(&done, 1);
	}
	return NULL;
}

struct tries {
	unsigned int reached, left_over, wrong;
};

/* Sections of the other CPU ran up to their point, and no further. */
static bool counts_fit(const struct snap *s)
{
	/* The thread counts after it has allocated, and after it has freed. */
	uint64_t mallocs = load_mallocs, frees = load_frees;

	return s->st.mallocs - mallocs <= 1 && s->st.frees - frees <= 1 && snap_good(s);
}

static void hold_and_stop(u32 section, u32 point, struct tries *t)
{
	static struct snap snap, again;
	struct rseq_inject *inject = &rseq_inject[section];
	double end = ksft_now() + PATIENCE;

	WRITE_ONCE(inject->seen, 0);
	WRITE_ONCE(inject->hold, point);
	while (READ_ONCE(inject->seen) != point) {
		if (ksft_now() > end)
			goto out;
		/* A block rolls after a snapshot, and runs empty and full after a drain. */
		if (section == SECTION_ROLL)
			snap_read(&snap);
		else if (section >= SECTION_REFILL)
			lane_release(SIZE_MAX);
		sched_yield();
	}
	t->reached++;
	lane_release(SIZE_MAX);
	snap_read(&snap);
	t->left_over += snap.st.cpu_cached != 0;
	t->wrong += !counts_fit(&snap);
	/* Let it go, at a point where a stale commit would be seen at once. */
	snap_read(&again);
	t->wrong += again.st.cpu_cached != snap.st.cpu_cached || !counts_fit(&again);
out:
	WRITE_ONCE(inject->hold, 0);
	for (uint64_t n = atomic_load(&done) + 2; atomic_load(&done) < n;)
		sched_yield();
}

static void test_section(u32 section)
{
	const struct section *s = &sections[section];
	struct tries t = {0};
	unsigned int n = 0;

	for (u32 point = FROM; point <= s->points; point++) {
		for (int i = 0; i < ROUNDS; i++, n++)
			hold_and_stop(section, point, &t);
	}
	if (t.left_over || t.wrong)
		ksft_print_msg("of %u: %u with objects left in the caches, %u with wrong counts", n,
			       t.left_over, t.wrong);
	ksft_test_result(t.reached == n && !t.left_over && !t.wrong,
			 "%s: drained while held at points %u..%u", s->name, FROM, s->points);
}

int main(void)
{
	int cpus[64];
	pthread_t t;

	ksft_print_header();
	need_rseq();
	if (allowed_cpus(cpus, 64) < 2)
		ksft_exit_skip("one CPU: who is held there keeps others from running");
	ksft_set_plan(NR_SECTIONS + 1);
	unit_pin(0);
	start_thread(&t, loop, NULL);
	for (u32 s = 0; s < NR_SECTIONS; s++)
		test_section(s);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	ksft_test_result(load_right() && unit_live() == 0, "in the end: all free, counts exact");
	ksft_finished();
}
