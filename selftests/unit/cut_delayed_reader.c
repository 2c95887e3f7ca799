// SPDX-License-Identifier: MIT
// variant: cid LANE_CONF=mode:cid
// variant: lock LANE_CONF=mode:lock
/*
 * The reader sleeps between reading one CPU's books and the next one's, while
 * objects are passed from malloc on one CPU to free on the other. At most K of
 * them are ever alive, so a state that really existed has 0..K alive. The same
 * reader without generations must see impossible states: that shows that the
 * test could fail.
 */
#include "unit.h"

#include "snapshot.h"

#define SIZE 200
#define PASSED 2 /* objects under way in each direction */
#define WANDERERS 2
#define K (2 * PASSED + WANDERERS)
#define DELAY_NS 300000
#define SNAPSHOTS 100 /* at least */
#define PATIENCE 30.0 /* seconds for them, and until an impossible state; long for slow guests */

/* Objects from one thread to another; tokens bound how many are alive. */
struct channel {
	_Atomic int tokens;
	void *_Atomic slot[PASSED];
};

static struct channel channels[2];
static _Atomic bool stop;
static _Atomic uint64_t operations;

/* Make objects for the other CPU, free what comes from there; one thread a CPU. */
static void *pass(void *arg)
{
	struct channel *out = arg, *in = &channels[out == &channels[0]];
	uint64_t made = 0, freed = 0;

	unit_pin(out == &channels[1]);
	while (!atomic_load(&stop)) {
		void *p = atomic_exchange(&in->slot[freed % PASSED], NULL);

		if (p) {
			freed++;
			lane_free(p);
			atomic_fetch_add(&in->tokens, 1);
		}
		if (atomic_load(&out->tokens)) {
			atomic_fetch_sub(&out->tokens, 1);
			/* A token was there, and so the slot that comes next is empty. */
			atomic_store(&out->slot[made++ % PASSED], lane_malloc(SIZE));
		}
	}
	atomic_fetch_add(&operations, made);
	return NULL;
}

/* One object at a time, from one CPU to another; mostly asleep, so that the others run. */
static void *wander(void *arg)
{
	uint64_t rng = (uintptr_t)arg;

	while (!atomic_load(&stop)) {
		void *p = NULL;

		for (uint64_t n = ksft_random(&rng) % 64; n; n--) {
			lane_free(p);
			p = lane_malloc(SIZE);
		}
		unit_pin((unsigned int)(ksft_random(&rng) >> 32));
		lane_free(p);
		nanosleep(&(struct timespec){.tv_nsec = (long)(ksft_random(&rng) % 200000)}, NULL);
	}
	return NULL;
}

static void sleep_between(void)
{
	nanosleep(&(struct timespec){.tv_nsec = DELAY_NS}, NULL);
}

struct result {
	unsigned int snapshots, impossible, broken, fell;
	int64_t least, most;
};

/* True once there is nothing more to learn. */
static bool seen_enough(const struct result *r, double spent, double seconds, bool plain)
{
	if (plain)
		return r->impossible || spent > seconds;
	return spent > ksft_patience(PATIENCE) || (spent > seconds && r->snapshots > SNAPSHOTS);
}

static struct result watch(double seconds, bool plain)
{
	static struct snap snap;
	struct result r = {.least = INT64_MAX, .most = INT64_MIN};
	uint64_t mallocs = 0, frees = 0;
	double start = ksft_now();

	for (; !seen_enough(&r, ksft_now() - start, seconds, plain); r.snapshots++) {
		const struct lane_class_stats *c;
		int64_t live;

		if (snap_read(&snap))
			ksft_exit_fail_msg("no snapshot");
		c = &snap.classes[snap_class(&snap, SIZE)];
		live = (int64_t)c->live;
		r.impossible += live < 0 || live > K;
		r.least = min(r.least, live);
		r.most = max(r.most, live);
		if (plain)
			continue;
		r.broken += !snap_good(&snap);
		r.fell += c->mallocs < mallocs || c->frees < frees;
		mallocs = c->mallocs;
		frees = c->frees;
	}
	return r;
}

static struct result run(double seconds, bool plain, uint64_t *rng)
{
	pthread_t t[2 + WANDERERS];
	struct result r;
	int n = 0;

	atomic_store(&stop, false);
	atomic_store(&operations, 0);
	for (int i = 0; i < 2; i++) {
		atomic_store(&channels[i].tokens, PASSED);
		start_thread(&t[n++], pass, &channels[i]);
	}
	for (int i = 0; i < WANDERERS; i++)
		start_thread(&t[n++], wander, (void *)(uintptr_t)(ksft_random(rng) | 1));
	snapshot_test.between_lanes = sleep_between;
	snapshot_test.plain = plain;
	r = watch(seconds, plain);
	snapshot_test.between_lanes = NULL;
	snapshot_test.plain = false;
	atomic_store(&stop, true);
	while (n)
		pthread_join(t[--n], NULL);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < PASSED; k++)
			lane_free(atomic_exchange(&channels[i].slot[k], NULL));
	}
	ksft_print_msg("%s: %u snapshots, %llu objects passed, live %lld..%lld of 0..%d, "
		       "%u impossible",
		       plain ? "plain reader" : "reader", r.snapshots,
		       (unsigned long long)operations, (long long)r.least, (long long)r.most, K,
		       r.impossible);
	return r;
}

int main(int argc, char **argv)
{
	double seconds = ksft_quick() ? 1 : 4, patience = ksft_patience(PATIENCE);
	struct result r, twin;
	uint64_t rng;

	(void)argc;
	unit_conf(argv, "mode:rseq"); /* by CPU number: two lanes even where few threads run */
	ksft_print_header();
	ksft_set_plan(6);
	rng = ksft_seed() | 1;
	ksft_print_msg("LANE_CONF=%s", getenv("LANE_CONF"));
	r = run(seconds, false, &rng);
	ksft_test_result(r.snapshots > SNAPSHOTS && r.impossible == 0,
			 "0 <= live <= K in each snapshot");
	ksft_test_result(r.broken == 0, "all identities hold in each snapshot");
	ksft_test_result(r.fell == 0, "no count falls from one snapshot to the next");
	ksft_test_result(unit_live() == 0, "in the end nothing is alive");
#ifdef LANE_NO_RSEQ
	patience = seconds;
#endif
	twin = run(unit_nr_cpus < 2 ? 0 : patience, true, &rng);
	if (unit_nr_cpus < 2)
		ksft_test_result_skip("one CPU: one lane, nothing to read between");
#ifdef LANE_NO_RSEQ
	else if (!twin.impossible)
		ksft_test_result_skip("a sanitizer slows the writers: seen in the plain build");
#endif
	else
		ksft_test_result(twin.impossible > 0, "without generations: impossible states");
	ksft_test_result(unit_books_right() && unit_live() == 0, "quiet: snapshot and walk agree");
	ksft_finished();
}
