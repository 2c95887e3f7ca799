// SPDX-License-Identifier: MIT
/*
 * What is under way while the constructor gives the CPUs their nodes: a thread that another library
 * started before, with objects of the first heap in its hands, and a handler that allocates in the
 * middle of it.
 */
#include "two_nodes.h"

#include <signal.h>

#include "lanes.h"
#include "node_heap.h"
#include "space.h"

#define SIZE 1024
#define MANY 4000

static struct os_ops real;
static _Atomic bool inside, go_on;
static __thread bool early;
static pthread_t thread;
static void *got, *in_handler;

/* The early thread's first span of the class is opened with this, between its two steps. */
static int held_protect(void *addr, size_t len, int prot)
{
	if (early && (uintptr_t)addr == space.base && !atomic_exchange(&inside, true)) {
		while (!atomic_load(&go_on))
			usleep(1000);
	}
	return real.protect(addr, len, prot);
}

static void *early_thread(void *arg)
{
	early = true;
	unit_find_cpus();
	unit_pin(0);
	got = lane_malloc(SIZE);
	return arg;
}

static void on_signal(int sig)
{
	(void)sig;
	in_handler = lane_malloc(100);
}

/* All lanes are stopped here, and their locks held. */
static int interrupted_bind(void *addr, size_t len, int node)
{
	if (node == 2)
		raise(SIGUSR1);
	return two_nodes_bind(addr, len, node);
}

__attribute__((constructor(101))) static void make_up(void)
{
	real = os;
	two_nodes_make_up();
	os.bind = interrupted_bind;
	os.protect = held_protect;
	signal(SIGUSR1, on_signal);
	pthread_create(&thread, NULL, early_thread, NULL);
	while (!atomic_load(&inside))
		usleep(1000);
}

/* Objects in the blocks that malloc takes from which are of another home than these. */
static unsigned int strangers(u32 cls)
{
	unsigned int n = 0;

	for (u32 i = 0; i < nr_lanes; i++) {
		struct lane *l = &lanes[i];
		struct cpu_block *b;

		if (!l->caches)
			continue;
		b = cache_block(lane_cache(l, l->home), cls);
		for (u32 k = 0; k < word_idx(b->word); k++)
			n += addr_to_home(b->slot[k]) != l->home;
	}
	return n;
}

int main(void)
{
	static void *held[MANY];
	unsigned int of_first = 0;
	void *own;

	ksft_print_header();
#ifdef __SANITIZE_THREAD__
	atomic_store(&go_on, true);
	pthread_join(thread, NULL);
	ksft_exit_skip("beside the sanitizer's own there is no room for several heaps");
#endif
	ksft_set_plan(5);
	ksft_test_result(nr_homes == 2 && in_handler,
			 "a handler allocated while all CPUs were stopped");
	unit_pin(0);
	own = lane_malloc(SIZE); /* the CPU's cache is up, and has the class */
	ksft_test_result(lane_node_of(own) == 2, "then the CPU allocates from its own node");
	atomic_store(&go_on, true);
	pthread_join(thread, NULL);
	ksft_test_result(got && strangers(size_to_class(SIZE)) == 0,
			 "an early thread puts none of the first node's objects there");
	lane_free(own);
	lane_free(got);
	lane_free(in_handler);
	lane_release(SIZE_MAX);
	for (int i = 0; i < MANY; i++) {
		held[i] = lane_malloc(SIZE);
		of_first += lane_node_of(held[i]) == 1;
	}
	ksft_test_result(of_first == 0, "nor does anybody get one (%u)", of_first);
	for (int i = 0; i < MANY; i++)
		lane_free(held[i]);
	lane_release(SIZE_MAX);
	ksft_test_result(unit_books_right() && unit_live() == 0, "the books are right");
	ksft_finished();
}
