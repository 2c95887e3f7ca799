// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * What the pacer takes for the most that a cycle may have to scan is no less than what one counts
 * as scanned: objects that were handed out while the last one marked are in it, and those without
 * references, each of which is some work. Were they not, work would seem to be done before it is,
 * and allocation cost nothing for the rest of the marking. And when they are freed they are not
 * taken off twice.
 */
#include "unit.h"

#include <lane/lane_gc.h>

#include "../gc/hold_marking.h"
#include "heap.h"

#define SIZE 256u
#define OBJECTS 16384u /* 4 MiB */
#define STRINGS 100000u

static void *list; /* a root range */

static void *collect(void *arg)
{
	if (lane_gc_collect())
		ksft_exit_fail_msg("lane_gc_collect");
	return arg;
}

/* A cycle; a list of objects is made while it marks. */
static void grow_while_marking(void)
{
	pthread_t holder, collector;

	marking_hold(&holder);
	start_thread(&collector, collect, NULL);
	while (!READ_ONCE(gc.flipped))
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* CPU caches are drained */
	for (unsigned int i = 0; i < OBJECTS; i++) {
		void **p = lane_gc_alloc_conservative(SIZE);

		lane_gc_write(p, list);
		lane_gc_write(&list, p);
	}
	marking_let_go();
	pthread_join(holder, NULL);
	pthread_join(collector, NULL);
}

/* A table of objects without references. */
static void make_strings(void)
{
	void **table = lane_gc_alloc_conservative(STRINGS * sizeof(void *));

	lane_gc_write(&list, table);
	for (unsigned int i = 0; i < STRINGS; i++)
		lane_gc_write(&table[i], lane_gc_alloc_noscan(16));
}

/* A cycle scans no more than was thought before. */
static void test_cycle(const char *what)
{
	u64 most = READ_ONCE(heap.scannable), scanned;

	lane_gc_collect();
	scanned = READ_ONCE(heap.work) - heap.roots - heap.stacks;
	ksft_test_result(scanned <= most, "%s: %llu bytes scanned, of %llu at most", what,
			 (unsigned long long)scanned, (unsigned long long)most);
}

static void free_all(void)
{
	for (void **p = list, **next; p; p = next) {
		next = *p;
		if (lane_gc_free(p))
			ksft_exit_fail_msg("lane_gc_free");
	}
	lane_gc_write(&list, NULL);
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	u64 most, bytes = (u64)OBJECTS * SIZE;

	(void)argc;
	unit_conf(argv, "mode:auto");
	ksft_print_header();
	ksft_set_plan(5);
	if (lane_gc_init(&o) || lane_gc_attach() || lane_gc_add_roots(&list, sizeof(list)))
		ksft_exit_fail_msg("no collected heap");
	make_strings();
	test_cycle("objects without references");
	test_cycle("once more");
	lane_gc_write(&list, NULL);
	grow_while_marking();
	most = READ_ONCE(heap.scannable);
	ksft_test_result(most >= bytes, "of %llu bytes that came while marking ran %llu count",
			 (unsigned long long)bytes, (unsigned long long)most);
	test_cycle("those");
	free_all();
	grow_while_marking();
	free_all();
	ksft_test_result((s64)READ_ONCE(heap.scannable) >= 0, "%lld bytes once all are freed",
			 (long long)READ_ONCE(heap.scannable));
	ksft_finished();
}
