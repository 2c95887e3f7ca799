// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * There is no moment at which all threads are stopped. At each step of the coordinator it
 * waits until every thread has allocated and stored references since; were any step one at
 * which threads stand still, it would wait in vain.
 *
 * The handler that copies a stack is no such step: it stops its own thread, and with it, for
 * that long, who waits for a lock that the thread holds.
 */
#include "../gc/nodes.h"

#include "gc.h"
#include "gc_inject.h"

#define THREADS 3
#define ENOUGH 20 /* allocations and stores by each */

static _Atomic uint64_t progress[THREADS];
static uint64_t in_phase[THREADS][4], longest_ns[THREADS]; /* each by its own thread */
static _Atomic bool stop;
static _Atomic uint64_t passed[NR_GC_POINTS], stuck[NR_GC_POINTS];
static __thread int self = -1;

static void await_all(enum gc_point point)
{
	uint64_t from[THREADS];
	double end = ksft_now() + 10;

	for (int i = 0; i < THREADS; i++)
		from[i] = atomic_load(&progress[i]);
	for (int i = 0; i < THREADS; i++) {
		while (atomic_load(&progress[i]) < from[i] + ENOUGH) {
			if (atomic_load(&stop))
				return;
			if (ksft_now() > end) {
				atomic_fetch_add(&stuck[point], 1);
				return;
			}
			nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
		}
	}
	atomic_fetch_add(&passed[point], 1);
}

/* Points of the coordinator, in its order. */
static const enum gc_point points[] = {
	AT_PHASE,     AT_BARRIER, AT_FENCE,  AT_BLACK,	    AT_SYNCHRONIZED,
	AT_DRAINED,   AT_ROOTS,	  AT_COPIED, AT_FIRST_LOOK, AT_SECOND_LOOK,
	AT_TERMINATE, AT_OFF,	  AT_TURN,   AT_SWEEP,	    AT_GATHERED,
};

static _Atomic int armed = -1;

static void at(enum gc_point point)
{
	static _Atomic uint64_t turn;

	if ((int)point != atomic_load(&armed) || self >= 0)
		return;
	/* There are thousands of classes and spans. */
	if ((point == AT_TURN || point == AT_SWEEP || point == AT_GATHERED) &&
	    atomic_fetch_add(&turn, 1) % 64)
		return;
	await_all(point);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void *run(void *arg)
{
	struct node *keep = node_make(NODE_TYPED, 1, 8);
	uint64_t before, now;

	self = (int)(intptr_t)arg;
	before = now_ns();
	for (unsigned int i = 0; !atomic_load(&stop); i++) {
		struct node *node = node_make((enum node_kind)(i % NODE_KINDS), i + 1, 4);

		node_set(node, 0, node_get(keep, (i + 1) % 8));
		if (i % 64 == 0)
			node_set(node, 0, NULL);
		node_set(keep, i % 8, node);
		atomic_fetch_add(&progress[self], 1);
		in_phase[self][READ_ONCE(gc.phase)]++;
		now = now_ns();
		longest_ns[self] = max(longest_ns[self], now - before);
		before = now;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	pthread_t t[THREADS];
	bool went_on = true;

	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan((int)ARRAY_SIZE(points) + 1);
	gc_begin(&o);
	node_make_types();
	gc_test.at = at;
	for (int i = 0; i < THREADS; i++)
		gc_thread(&t[i], run, (void *)(intptr_t)i);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		enum gc_point p = points[i];

		atomic_store(&armed, (int)p);
		for (int n = 0; n < 20 && (n < 2 || !atomic_load(&passed[p])); n++) {
			/* Something to sweep. */
			for (int k = 0; k < 2000; k++)
				gc_garbage(500);
			lane_gc_collect();
		}
		atomic_store(&armed, -1);
		ksft_test_result(atomic_load(&passed[p]) && !atomic_load(&stuck[p]),
				 "all threads went on at step %d, %llu times", (int)p,
				 (unsigned long long)atomic_load(&passed[p]));
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < THREADS; i++) {
		ksft_print_msg("thread %d: steps off %llu, marking %llu, mark termination %llu, "
			       "sweeping %llu; longest gap %.1f us, other work included",
			       i, (unsigned long long)in_phase[i][GC_OFF],
			       (unsigned long long)in_phase[i][GC_MARK],
			       (unsigned long long)in_phase[i][GC_TERM],
			       (unsigned long long)in_phase[i][GC_SWEEP],
			       (double)longest_ns[i] / 1e3);
		for (int p = GC_OFF; p <= GC_SWEEP; p++)
			went_on = went_on && in_phase[i][p];
	}
	ksft_test_result(went_on, "each thread went on in each phase");
	ksft_finished();
}
