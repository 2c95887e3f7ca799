// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Root ranges are scanned in pieces, by whoever marks: an allocating thread takes one of a
 * range while a worker reads another. Who removes a range waits for pieces that are being
 * read, for its memory may be gone then, and what it referred to stays for the cycle. For that what
 * is left of it is marked once, however long that takes, in pieces, too: who wants a handle
 * meanwhile does not wait for the whole.
 */
#include "../gc/nodes.h"

#include <sys/mman.h>

#include "gc_inject.h"
#include "mark.h"
#include "roots_lock.h"

#define WORDS 400000 /* of the range: about a hundred pieces */
#define SECONDS 60   /* until a test gives up */

static struct node **range;
static _Atomic bool worker_in, allocator_in, let_go, removed, stop;
static _Atomic int read_removed, marked, pieces, locked_pieces;
static __thread bool allocates, removes;

static void map_range(void)
{
	range = mmap(NULL, WORDS * sizeof(*range), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (range == MAP_FAILED || lane_gc_add_roots(range, WORDS * sizeof(*range)))
		ksft_exit_fail_msg("a root range");
	for (uint64_t i = 0; i < WORDS; i += 100)
		lane_gc_write(&range[i],
			      node_make((enum node_kind)(i / 100 % NODE_KINDS), i + 1, 1));
}

static bool range_whole(void)
{
	for (uint64_t i = 0; i < WORDS; i += 100)
		if (range[i]->id != i + 1 || !node_whole(range[i]))
			return false;
	return true;
}

static void wait_until(const _Atomic bool *flag)
{
	for (double end = ksft_now() + SECONDS; !atomic_load(flag) && ksft_now() < end;)
		usleep(200);
}

/* Each with its piece waits for the other to have one: alone it might scan them all. */
static void meet(enum gc_point point)
{
	if (point != AT_ROOT_PIECE)
		return;
	if (allocates) {
		wait_until(&worker_in);
		if (atomic_load(&worker_in))
			atomic_store(&allocator_in, true);
		return;
	}
	atomic_store(&worker_in, true);
	wait_until(&allocator_in);
}

static void *collect(void *arg)
{
	(void)arg;
	lane_gc_collect();
	atomic_store(&stop, true);
	return NULL;
}

static void *allocate(void *arg)
{
	(void)arg;
	allocates = true;
	while (!atomic_load(&stop))
		gc_garbage(100);
	return NULL;
}

static void assists(void)
{
	pthread_t collector, allocator;

	gc_test.at = meet;
	gc_thread(&allocator, allocate, NULL);
	start_thread(&collector, collect, NULL);
	pthread_join(collector, NULL);
	pthread_join(allocator, NULL);
	gc_test.at = NULL;
	ksft_test_result(atomic_load(&allocator_in),
			 "an allocating thread scans roots while a worker scans others");
	ksft_test_result(range_whole() && !lane_gc_verify(), "what they refer to stays");
}

static void hold(enum gc_point point)
{
	atomic_fetch_add(&marked, removes && point == AT_MARKED);
	if (removes && point == AT_ROOT_PIECE) {
		atomic_fetch_add(&pieces, 1);
		atomic_fetch_add(&locked_pieces, !may_have_lock());
		return;
	}
	if (point != AT_ROOT_PIECE || allocates)
		return;
	atomic_store(&worker_in, true);
	wait_until(&let_go);
	atomic_fetch_add(&read_removed, atomic_load(&removed));
}

static void *remove_it(void *arg)
{
	(void)arg;
	removes = true;
	if (lane_gc_remove_roots(range))
		ksft_exit_fail_msg("the range is not known");
	atomic_store(&removed, true);
	munmap(range, WORDS * sizeof(*range));
	return NULL;
}

/* By an address that no stack shows. */
static __attribute__((noinline)) uintptr_t last_of_range(void)
{
	return ~(uintptr_t)range[(WORDS - 1) / 100 * 100];
}

static void removal(void)
{
	uintptr_t last = last_of_range();
	pthread_t collector, remover;
	bool early, lives;

	atomic_store(&worker_in, false);
	gc_wipe_stack();
	gc_test.at = hold;
	start_thread(&collector, collect, NULL);
	wait_until(&worker_in);
	start_thread(&remover, remove_it, NULL);
	usleep(50000);
	early = atomic_load(&removed);
	atomic_store(&let_go, true);
	pthread_join(remover, NULL);
	pthread_join(collector, NULL);
	gc_test.at = NULL;
	ksft_test_result(atomic_load(&worker_in) && !early && !atomic_load(&read_removed),
			 "who removes a range waits while a piece of it is read");
	ksft_test_result(atomic_load(&marked) == 1, "who waits marks the range once (%d)",
			 atomic_load(&marked));
	ksft_test_result(atomic_load(&pieces) > 10 && !atomic_load(&locked_pieces),
			 "in %d pieces, without the lock", atomic_load(&pieces));
	lives = lane_gc_base((void *)~last) == (void *)~last && node_whole((struct node *)~last);
	ksft_test_result(lives, "what its end referred to stays for this cycle");
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = 100, .min_heap = KIB(256)};

	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(7);
	gc_begin(&o);
	node_make_types();
	map_range();
	assists();
	removal();
	ksft_finished();
}
