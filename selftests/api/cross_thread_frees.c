// SPDX-License-Identifier: MIT
// variant: no-rseq GLIBC_TUNABLES=glibc.pthread.rseq=0 QUICK=1
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cpu LANE_CONF=mode:rseq QUICK=1
// variant: cid LANE_CONF=mode:cid QUICK=1
// variant: prof LANE_CONF=prof_rate:1024
// variant: guard LANE_CONF=prof_rate:1024,guard_rate:3
// variant: check LANE_CONF=check:full QUICK=1
/*
 * Objects travel between threads, are checked, and are freed by another than
 * their maker; the content survives and the books agree at the end.
 */
#include "snapshot.h"

#define SLOTS 4096
#define THREADS 6

struct block {
	size_t size;
	uint64_t seed;
};

static struct snap snap;
static struct block *_Atomic slots[SLOTS];
static _Atomic int damaged;
static _Atomic uint64_t exchanged;

static struct block *make_block(uint64_t *rng)
{
	size_t size = sizeof(struct block) + random_size(rng) % KIB(64);
	struct block *b = get(size);

	b->size = size;
	b->seed = ksft_random(rng);
	pattern_fill(b + 1, size - sizeof(*b), b->seed);
	return b;
}

static void drop_block(struct block *b)
{
	if (!b)
		return;
	if (!pattern_holds(b + 1, b->size - sizeof(*b), b->seed))
		atomic_fetch_add(&damaged, 1);
	memset(b, 0xdb, b->size);
	put(b);
}

static struct block *grow_block(struct block *b, uint64_t *rng)
{
	size_t size = sizeof(*b) + random_size(rng) % KIB(64);

	if (!b)
		return NULL;
	if (!pattern_holds(b + 1, b->size - sizeof(*b), b->seed))
		atomic_fetch_add(&damaged, 1);
	b = opaque(realloc(b, opaque_size(size)));
	b->size = size;
	pattern_fill(b + 1, size - sizeof(*b), b->seed);
	return b;
}

static void *exchange(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	double end = ksft_now() + (ksft_quick() ? 0.7 : 3);
	uint64_t n = 0;

	while (ksft_now() < end) {
		for (int i = 0; i < 64; i++, n++) {
			size_t slot = ksft_random(&rng) % SLOTS;

			if (ksft_random(&rng) % 8 == 0) {
				struct block *b = atomic_exchange(&slots[slot], NULL);

				b = grow_block(b, &rng);
				drop_block(atomic_exchange(&slots[slot], b));
			} else {
				drop_block(atomic_exchange(&slots[slot], make_block(&rng)));
			}
		}
	}
	atomic_fetch_add(&exchanged, n);
	return NULL;
}

/* One thread only allocates, another only frees: caches fill here and drain there. */
static struct block *_Atomic pipe_slots[256];
static _Atomic bool producing;

static void *produce(void *arg)
{
	uint64_t rng = (uintptr_t)arg;

	for (int i = 0; i < (ksft_quick() ? 100000 : 500000); i++) {
		struct block *_Atomic *slot = &pipe_slots[i % ARRAY_SIZE(pipe_slots)];
		size_t size = sizeof(struct block) + ksft_random(&rng) % 200;
		struct block *b = get(size);

		b->size = size;
		b->seed = i;
		pattern_fill(b + 1, size - sizeof(*b), b->seed);
		while (atomic_load(slot))
			sched_yield();
		atomic_store(slot, b);
	}
	atomic_store(&producing, false);
	return NULL;
}

static void *consume(void *arg)
{
	for (size_t i = 0;; i++) {
		struct block *_Atomic *slot = &pipe_slots[i % ARRAY_SIZE(pipe_slots)];

		while (!atomic_load(slot)) {
			if (!atomic_load(&producing) && !atomic_load(slot))
				return arg;
			sched_yield();
		}
		drop_block(atomic_exchange(slot, NULL));
	}
}

static void *wait_for_all(void *barrier)
{
	pthread_barrier_wait(barrier);
	return NULL;
}

/*
 * So many at once that their stacks, which the C library keeps with what they hold, are there
 * before anything is counted: one such object that is a guarded sample has a page.
 */
static void make_stacks(void)
{
	pthread_barrier_t barrier;
	pthread_t t[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], wait_for_all, &barrier);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&barrier);
}

int main(void)
{
	pthread_t t[THREADS];
	uint64_t rng, live, in_use, mapped;

	ksft_print_header();
	ksft_set_plan(5);
	rng = ksft_seed() | 1;
	make_stacks();
	start_thread(&t[0], consume, NULL);
	pthread_join(t[0], NULL);
	snap_read(&snap);
	live = snap.st.live_objects;
	in_use = snap.st.in_use;

	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], exchange, (void *)(uintptr_t)(ksft_random(&rng) | 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (size_t i = 0; i < SLOTS; i++)
		drop_block(atomic_exchange(&slots[i], NULL));
	ksft_print_msg("%llu exchanges", (unsigned long long)exchanged);
	ksft_test_result(damaged == 0, "no block was damaged among %d threads", THREADS);

	snap_read(&snap);
	mapped = snap.st.mapped;
	atomic_store(&producing, true);
	start_thread(&t[0], produce, (void *)(uintptr_t)(ksft_random(&rng) | 1));
	start_thread(&t[1], consume, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	ksft_test_result(damaged == 0, "no block was damaged between producer and consumer");
	snap_read(&snap);
	ksft_test_result(snap.st.mapped <= mapped + MIB(8),
			 "one-way traffic does not pile up memory");
	ksft_print_msg("%lld objects and %lld bytes more than before",
		       (long long)(snap.st.live_objects - live),
		       (long long)(snap.st.in_use - in_use));
	/* Stacks of dead threads may be kept with what they hold: a few objects. */
	ksft_test_result(snap.st.live_objects <= live + 2 * THREADS &&
				 snap.st.in_use <= in_use + KIB(8),
			 "everything is free again");
	ksft_test_result(snap_good(&snap), "the identities hold");
	ksft_finished();
}
