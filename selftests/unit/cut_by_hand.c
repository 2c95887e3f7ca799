// SPDX-License-Identifier: MIT
// variant: cid LANE_CONF=mode:cid
// variant: lock LANE_CONF=mode:lock
/*
 * While a reader is between one CPU's books and the next one's, another thread
 * allocates, frees, fills caches and drains them. The snapshot has to be the
 * one from before, to the byte, and the next one has to have all of it. A reader
 * without generations must see some of it at once: that shows that the test could fail.
 */
#include "between_lanes.h"

#include <lane/lane_prof.h>

#define MANY 3000
#define LARGE 3000000

static struct snap before, during, next;
static bool asked;
static void *kept[MANY];
static uint64_t mallocs, frees; /* by what is done */

static void *take(size_t size)
{
	mallocs++;
	return lane_malloc(size);
}

static void give(void *p)
{
	frees++;
	lane_free(p);
}

static void one_object(void)
{
	give(take(200));
}

/* Refills, spans; then flushes, and what drains them. */
static void many_objects(void)
{
	for (int i = 0; i < MANY; i++)
		kept[i] = take(100);
	for (int i = 0; i < MANY; i++)
		give(kept[i]);
}

static void first_of_its_class(void)
{
	static size_t size = 1000;

	give(take(size += 500));
}

static void large_object(void)
{
	kept[0] = take(LARGE);
}

static void large_free(void)
{
	give(kept[0]);
}

static void release_all(void)
{
	lane_release(SIZE_MAX);
}

static void sampled_objects(void)
{
	lane_prof_set_rate(4096);
	for (int i = 0; i < 300; i++)
		kept[i] = take(150);
	lane_prof_set_rate(0);
	for (int i = 0; i < 300; i++)
		give(kept[i]);
}

static const struct act acts[] = {
	{"one object", one_object},
	{"the first of its class", first_of_its_class},
	{"many objects", many_objects},
	{"a large object", large_object},
	{"a large object's end", large_free},
	{"all is released", release_all},
	{"many objects, from the beginning", many_objects},
	{"sampled objects", sampled_objects},
};
/* To the byte, but for its number, and what caches may hold, which is of the moment. */
static bool same(struct snap *a, struct snap *b)
{
	for (unsigned int i = 0; i < a->st.nr_cpus; i++)
		a->cpus[i].capacity = b->cpus[i].capacity;
	a->st.generation = b->st.generation;
	a->st.classes = b->st.classes;
	a->st.cpus = b->st.cpus;
	a->st.nodes = b->st.nodes;
	return !memcmp(a, b, sizeof(*a));
}

static void read_snap(void *snap)
{
	snap_read(snap);
}

/* @a while a snapshot is taken: is that the one from before? */
static bool is_from_before(const struct act *a, bool plain)
{
	snap_read(&before);
	mallocs = frees = 0;
	asked = between_read(a, plain, read_snap, &during);
	snap_read(&next);
	return same(&during, &before);
}

static bool is_in_the_next(void)
{
	return asked && snap_good(&during) && snap_good(&next) &&
	       next.st.mallocs == before.st.mallocs + mallocs &&
	       next.st.frees == before.st.frees + frees;
}

/* A handler that comes while its thread reads, and forks: it would wait for its own thread. */
static volatile sig_atomic_t forked;

static void fork_in_handler(int sig)
{
	pid_t pid = fork();

	(void)sig;
	if (pid == 0)
		_exit(0);
	forked = pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static void send_signal(void)
{
	if (asked)
		return;
	raise(SIGUSR1);
	asked = !forked;
}

static bool signals_wait(void)
{
	asked = false;
	forked = 0;
	signal(SIGUSR1, fork_in_handler);
	snapshot_test.between_lanes = send_signal;
	snap_read(&during);
	snapshot_test.between_lanes = NULL;
	return asked && forked;
}

int main(int argc, char **argv)
{
	bool seen = false;
	pthread_t t;

	(void)argc;
	unit_conf(argv, "mode:rseq");
	ksft_print_header();
	ksft_set_plan(2 * ARRAY_SIZE(acts) + 3);
	t = between_start(NULL);
	lane_free(lane_malloc(1));
	for (int round = 0; round < 2; round++) {
		for (size_t a = 0; a < ARRAY_SIZE(acts); a++)
			ksft_test_result(is_from_before(&acts[a], false) && is_in_the_next(),
					 "%s, round %d", acts[a].name, round + 1);
	}
	for (size_t a = 0; a < ARRAY_SIZE(acts); a++)
		seen |= !is_from_before(&acts[a], true);
	ksft_test_result(seen, "a reader without generations sees what came later");
	between_end(t);
	ksft_test_result(signals_wait(), "a handler, which may fork, waits for the reader");
	ksft_test_result(unit_books_right() && unit_live() == 0, "quiet: snapshot and walk agree");
	ksft_finished();
}
