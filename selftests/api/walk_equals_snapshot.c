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
 * In a quiet process counting every span and every cache by hand gives what
 * the books say, field by field; under load a walk is sound in itself.
 */
#include "same_as_walk.h"

#define THREADS 4
#define HELD 3000

static struct snap snap, walk;
static void *held[THREADS][HELD];
static _Atomic bool stop;

static bool quiet_equal(void)
{
	return snap_read(&snap) == 0 && snap_walk(&walk) == 0 && snap_good(&snap) &&
	       snap_faults(&walk, true) == 0 && snap_differences(&snap, &walk) == 0;
}

struct worker {
	int index;
	uint64_t rng;
};

static void *fill(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < HELD * 4; i++) {
		void **p = &held[w->index][ksft_random(&w->rng) % HELD];

		put(*p);
		*p = ksft_random(&w->rng) % 3 ? get(random_size(&w->rng) % KIB(300)) : NULL;
	}
	return NULL;
}

/* Frees what others made, so that objects lie in every layer. */
static void *thin_out(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < HELD; i++) {
		void **p = &held[(w->index + 1) % THREADS][i];

		if (ksft_random(&w->rng) % 2) {
			put(*p);
			*p = NULL;
		}
	}
	return NULL;
}

static void all_do(void *(*fn)(void *), uint64_t *rng)
{
	struct worker w[THREADS];
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){i, ksft_random(rng) | 1};
		start_thread(&t[i], fn, &w[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static bool rounds_equal(uint64_t *rng)
{
	bool good = true;

	for (int i = 0; i < (ksft_quick() ? 3 : 15) && good; i++) {
		all_do(fill, rng);
		good &= quiet_equal();
		all_do(thin_out, rng);
		good &= quiet_equal();
	}
	return good;
}

static void *churn(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(&stop)) {
		void **p = &held[w->index][ksft_random(&w->rng) % HELD];

		put(*p);
		*p = get(random_size(&w->rng) % KIB(300));
	}
	return NULL;
}

static bool walks_under_load(uint64_t *rng)
{
	struct worker w[THREADS];
	pthread_t t[THREADS];
	int bad = 0, n = 0;

	for (int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){i, ksft_random(rng) | 1};
		start_thread(&t[i], churn, &w[i]);
	}
	for (double end = ksft_now() + (ksft_quick() ? 1 : 4); ksft_now() < end; n++)
		bad += snap_walk(&walk) != 0 || snap_read(&snap) != 0 || !snap_good(&snap);
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%d walks under load", n);
	return bad == 0;
}

static bool empty_equal(void)
{
	for (int i = 0; i < THREADS; i++) {
		for (int j = 0; j < HELD; j++) {
			put(held[i][j]);
			held[i][j] = NULL;
		}
	}
	if (!quiet_equal())
		return false;
	lane_release(SIZE_MAX);
	return quiet_equal();
}

int main(void)
{
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(5);
	rng = ksft_seed() | 1;
	ksft_test_result(quiet_equal(), "at the start");
	ksft_test_result(rounds_equal(&rng), "after rounds of allocation in threads");
	ksft_test_result(walks_under_load(&rng), "walks under load disturb no snapshot");
	ksft_test_result(quiet_equal(), "quiet after load");
	ksft_test_result(empty_equal(), "everything freed, then released");
	ksft_finished();
}
