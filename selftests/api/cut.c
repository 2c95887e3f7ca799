// SPDX-License-Identifier: MIT
// variant: no-rseq GLIBC_TUNABLES=glibc.pthread.rseq=0 QUICK=1
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cpu LANE_CONF=mode:rseq QUICK=1
// variant: cid LANE_CONF=mode:cid QUICK=1
// variant: check LANE_CONF=check:full QUICK=1
/*
 * A snapshot is a state that existed. Threads hold at most K objects of one
 * class, migrate between CPUs and pass objects to each other so that they are
 * freed elsewhere; no snapshot may show fewer than 0 or more than K alive.
 */
#include "snapshot.h"

#define MOVERS 4
#define RING 4
#define SNAPSHOTS 100 /* at least, however long they take */

static struct snap snap;
static _Atomic bool stop;
static _Atomic uint64_t passed;

struct ring {
	void *_Atomic slot[RING];
};

static struct ring rings[MOVERS];

struct mover {
	int index;
	uint64_t rng;
	size_t size;
	int cpus[64];
	int nr_cpus;
};

/* Each mover holds one object at most; the rings hold the others. */
static void *move(void *arg)
{
	struct mover *m = arg;
	struct ring *mine = &rings[m->index], *next = &rings[(m->index + 1) % MOVERS];

	for (uint64_t n = 0; !atomic_load_explicit(&stop, memory_order_relaxed); n++) {
		void *_Atomic *slot = &mine->slot[n % RING];
		void *_Atomic *theirs = &next->slot[n % RING];
		void *expected = NULL;
		void *p;

		put(atomic_exchange(slot, NULL));
		p = get(m->size);
		if (!atomic_compare_exchange_strong(theirs, &expected, p))
			put(p);
		if (n % 256 == 0)
			atomic_fetch_add(&passed, 256);
		if (n % 512 == 0)
			run_on_cpu(m->cpus[ksft_random(&m->rng) % (unsigned int)m->nr_cpus]);
	}
	return NULL;
}

struct result {
	uint64_t snapshots, beyond, broken;
	int64_t least, most;
};

static struct result watch(size_t size, double seconds, uint64_t base)
{
	struct result r = {.least = INT64_MAX, .most = INT64_MIN};
	double end = ksft_now() + seconds;
	const int64_t k = MOVERS * (RING + 1);

	while (ksft_now() < end || r.snapshots < SNAPSHOTS) {
		int64_t live;

		snap_read(&snap);
		live = (int64_t)(snap.classes[snap_class(&snap, size)].live - base);
		r.beyond += live < 0 || live > k;
		r.broken += !snap_good(&snap);
		if (live < r.least)
			r.least = live;
		if (live > r.most)
			r.most = live;
		r.snapshots++;
	}
	return r;
}

static void cut_of(size_t size, uint64_t *rng)
{
	static struct mover movers[MOVERS];
	pthread_t t[MOVERS];
	struct result r;
	uint64_t base;

	atomic_store(&stop, false);
	atomic_store(&passed, 0);
	for (int i = 0; i < MOVERS; i++) {
		movers[i] = (struct mover){.index = i, .rng = ksft_random(rng) | 1, .size = size};
		movers[i].nr_cpus = allowed_cpus(movers[i].cpus, 64);
	}
	snap_read(&snap);
	base = snap.classes[snap_class(&snap, size)].live;
	for (int i = 0; i < MOVERS; i++)
		start_thread(&t[i], move, &movers[i]);
	/* libpthread's own objects must not be of this class. */
	r = watch(size, ksft_quick() ? 0.5 : 3, base);
	atomic_store(&stop, true);
	for (int i = 0; i < MOVERS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < MOVERS; i++)
		for (int j = 0; j < RING; j++)
			put(atomic_exchange(&rings[i].slot[j], NULL));
	snap_read(&snap);
	ksft_print_msg("%zu bytes: %llu snapshots over %llu operations, live %lld..%lld of 0..%d",
		       size, (unsigned long long)r.snapshots, (unsigned long long)passed,
		       (long long)r.least, (long long)r.most, MOVERS * (RING + 1));
	ksft_test_result(r.beyond == 0, "%zu bytes: 0 <= live <= K", size);
	ksft_test_result(r.broken == 0, "%zu bytes: the identities hold", size);
	ksft_test_result(snap.classes[snap_class(&snap, size)].live == base,
			 "%zu bytes: none is left", size);
}

int main(void)
{
	static const size_t sizes[] = {200, 6000, KIB(100), MIB(1)};
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(3 * ARRAY_SIZE(sizes));
	rng = ksft_seed() | 1;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		cut_of(sizes[i], &rng);
	ksft_finished();
}
