// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Where the next cycle is due at once, as the percentage was lowered, all that is not swept is owed
 * by who allocates next. One allocation does a part of it. The collector is held before its first
 * span meanwhile, and a span takes as long as on a slow machine.
 */
#include "../gc/nodes.h"

#include "gc_inject.h"
#include "gc_span.h"

#define OBJECTS 400000	 /* that live: more than a thousand spans, */
#define SPAN_S 20e-6	 /* each of which takes so long at least */
#define ALLOCATIONS 1000 /* until all are swept */
#define SECONDS 60	 /* until a test gives up */

static struct node *list;
static _Atomic bool held, let_go;
static __thread bool is_main;

static void hold(enum gc_point point)
{
	double end = ksft_now() + SECONDS;

	if (is_main && point == AT_GATHERED)
		for (end = ksft_now() + SPAN_S; ksft_now() < end;)
			;
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
	ksft_set_plan(3);
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
	lane_gc_set_percent(0);
	all = last = gc_unswept_bytes();
	for (n = 0; n < ALLOCATIONS && last; n++) {
		u64 left;

		gc_garbage(KIB(40)); /* a span of its own */
		left = gc_unswept_bytes();
		most = max(most, last - left);
		last = left;
	}
	ksft_print_msg("%llu bytes to sweep", (unsigned long long)all);
	ksft_test_result(most < all / 2, "one allocation sweeps %llu bytes at most",
			 (unsigned long long)most);
	ksft_test_result(!last, "after %d allocations all are swept", n);
	lane_gc_set_percent(-1);
	atomic_store(&let_go, true);
	pthread_join(t, NULL);
	gc_test.at = NULL;
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
	ksft_finished();
}
