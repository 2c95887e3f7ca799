// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * One allocation does not sweep a whole class: where all of the next spans are full it takes a new
 * one. All the same, those that look for a slot sweep them all. The collector is held before its
 * first span meanwhile.
 */
#include "../gc/nodes.h"

#include "gc_inject.h"
#include "gc_span.h"

#define OBJECTS 400000	    /* that live: thousands of full spans */
#define MOST (OBJECTS / 10) /* allocations until all are swept */
#define SECONDS 60	    /* until a test gives up */

static struct node *list;
static _Atomic bool held, let_go;
static __thread bool is_main;

static void hold(enum gc_point point)
{
	double end = ksft_now() + SECONDS;

	if (point != AT_SWEEP || is_main)
		return;
	atomic_store(&held, true);
	while (!atomic_load(&let_go) && ksft_now() < end)
		usleep(200);
}

static void *collect(void *arg)
{
	(void)arg;
	lane_gc_collect();
	return NULL;
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	u64 all, most = 0, last;
	pthread_t t;
	int n;

	(void)argc;
	gc_conf(argv, "gc_check:false");
	ksft_print_header();
	ksft_set_plan(4);
	is_main = true;
	gc_begin(&o);
	node_make_types();
	lane_gc_add_roots(&list, sizeof(list));
	for (int i = 0; i < OBJECTS; i++) {
		struct node *node = node_make(NODE_TYPED, 1, 1);

		node_set(node, 0, list);
		lane_gc_write(&list, node);
	}
	gc_test.at = hold;
	start_thread(&t, collect, NULL);
	while (!atomic_load(&held))
		usleep(200);
	all = last = gc_unswept_bytes();
	for (n = 0; n < MOST && last; n++) {
		u64 left;

		node_make(NODE_TYPED, 2, 1);
		left = gc_unswept_bytes();
		most = max(most, last - left);
		last = left;
	}
	ksft_test_result(all > OBJECTS * 32, "%llu bytes to sweep", (unsigned long long)all);
	ksft_test_result(most < all / 4, "one allocation sweeps %llu of them at most",
			 (unsigned long long)most);
	ksft_test_result(last < all / 10, "after %d allocations %llu are left", n,
			 (unsigned long long)last);
	atomic_store(&let_go, true);
	pthread_join(t, NULL);
	gc_test.at = NULL;
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
	ksft_finished();
}
