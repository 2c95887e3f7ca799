// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: cid LANE_CONF=mode:cid
/*
 * Generations are numbers of 14 bits in a block. While one CPU's caches lie
 * idle, so many snapshots are taken that the numbers come round again, twice
 * and more; the idle CPU's counts stay as they were, and when it goes on after
 * any number of snapshots, each operation is counted. The same where nobody
 * reads for weeks, and the tick alone begins generations.
 */
#include "unit.h"

#include "cpu_block.h"
#include "hot.h"
#include "os.h"
#include "release.h"
#include "snapshot.h"

#define IDLE_SIZE 500
#define BUSY_SIZE 300
#define IDLE_OBJECTS 100
#define DRAIN_TICKS (ksft_quick() ? 1u : 48u)
#define PERIOD ((1u << WORD_GEN_BITS) - 1) /* number 0 is never used */

static _Atomic bool stop;
static _Atomic uint64_t busy_mallocs;
static _Atomic int turn; /* 1: the idle thread allocates, 2: it frees, 0: it sleeps */
static _Atomic uint64_t clock_ms = 1ULL << 40;
static void *objects[IDLE_OBJECTS];
static unsigned int nr_objects;

static uint64_t simulated_ms(void)
{
	return atomic_load(&clock_ms);
}

static void *busy(void *arg)
{
	(void)arg;
	unit_pin(0);
	while (!atomic_load(&stop)) {
		lane_free(lane_malloc(BUSY_SIZE));
		atomic_fetch_add(&busy_mallocs, 1);
	}
	return NULL;
}

static void *idle(void *arg)
{
	(void)arg;
	unit_pin(1);
	while (!atomic_load(&stop)) {
		int what = atomic_load(&turn);

		if (what == 1)
			objects[nr_objects++] = lane_malloc(IDLE_SIZE);
		else if (what == 2)
			lane_free(objects[--nr_objects]);
		if (what)
			atomic_store(&turn, 0);
		else
			nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
	return NULL;
}

static void take_turn(int what)
{
	atomic_store(&turn, what);
	while (atomic_load(&turn))
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

/* @n snapshots; how many of them count the idle class wrong. */
static unsigned int count_wrong(unsigned int n, uint64_t mallocs, uint64_t frees)
{
	static struct snap snap;
	unsigned int wrong = 0;
	uint64_t busy_before = 0;

	while (n--) {
		const struct lane_class_stats *i, *b;

		snap_read(&snap);
		i = &snap.classes[snap_class(&snap, IDLE_SIZE)];
		b = &snap.classes[snap_class(&snap, BUSY_SIZE)];
		wrong += !((u32)smp_load_acquire(&hot.gen) & WORD_GEN_MASK) ||
			 i->mallocs != mallocs || i->frees != frees || i->in_transit ||
			 b->live > 1 || b->mallocs < busy_before;
		busy_before = b->mallocs;
		if (wrong == 1)
			ksft_print_msg("generation %llu: %llu mallocs, %llu frees, busy live %lld",
				       (unsigned long long)snap.st.generation,
				       (unsigned long long)i->mallocs, (unsigned long long)i->frees,
				       (long long)b->live);
	}
	return wrong;
}

/* @n minutes without a reader: a generation each. */
static void pass_minutes(unsigned int n)
{
	while (n--)
		release_tick(atomic_fetch_add(&clock_ms, 60000) + 60000);
}

int main(int argc, char **argv)
{
	/* How long the CPU does nothing: around the period, its half, its multiples. */
	static const unsigned int gaps[] = {1,		100,	    8193,	PERIOD,
					    PERIOD - 1, PERIOD + 1, PERIOD / 2, 8191,
					    8192,	8194,	    2 * PERIOD, 2 * PERIOD + 1};
	unsigned int nr_gaps = ksft_quick() ? 3 : ARRAY_SIZE(gaps);
	unsigned int enough = ksft_quick() ? PERIOD : 12 * PERIOD;
	unsigned int wrong = 0, taken = 0;
	uint64_t mallocs = 0, frees = 0, rng;
	static struct snap snap;
	pthread_t t[2];

	(void)argc;
	unit_conf(argv, "mode:rseq");
	ksft_print_header();
	ksft_set_plan(6);
	rng = ksft_seed() | 1;
	os.now_ms = simulated_ms;
	lane_free(lane_malloc(1));
	ksft_test_result((u32)smp_load_acquire(&hot.gen) & WORD_GEN_MASK,
			 "the first number is not that of no generation");
	start_thread(&t[0], busy, NULL);
	start_thread(&t[1], idle, NULL);
	for (; mallocs < 20; mallocs++)
		take_turn(1);
	for (size_t i = 0; i < nr_gaps; i++) {
		unsigned int gap = gaps[i];

		wrong += count_wrong(gap, mallocs, frees);
		taken += gap;
		take_turn(i % 2 ? 2 : 1);
		*(i % 2 ? &frees : &mallocs) += 1;
	}
	ksft_test_result(wrong == 0, "counts are right around the period of generations");
	for (wrong = 0; taken < enough; mallocs++) {
		unsigned int gap = (unsigned int)(ksft_random(&rng) % (2 * PERIOD));

		wrong += count_wrong(gap, mallocs, frees);
		taken += gap;
		take_turn(1);
	}
	ksft_print_msg("%u snapshots", taken);
	ksft_test_result(wrong == 0, "counts are right at random distances");
	/* An idle CPU is drained after some ticks: its number is of then. */
	for (wrong = 0, taken = 0; taken < DRAIN_TICKS; taken++, mallocs++) {
		pass_minutes(PERIOD - 2 + taken);
		wrong += count_wrong(1, mallocs, frees);
		take_turn(1);
	}
	ksft_test_result(wrong == 0, "counts are right after weeks without a reader");
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	while (nr_objects)
		lane_free(objects[--nr_objects]);
	snap_read(&snap);
	ksft_test_result(snap.classes[snap_class(&snap, BUSY_SIZE)].mallocs == busy_mallocs &&
				 snap.classes[snap_class(&snap, IDLE_SIZE)].mallocs == mallocs,
			 "in the end each malloc is counted");
	ksft_test_result(unit_books_right() && unit_live() == 0, "quiet: snapshot and walk agree");
	ksft_finished();
}
