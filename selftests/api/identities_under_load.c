// SPDX-License-Identifier: MIT
// variant: no-rseq GLIBC_TUNABLES=glibc.pthread.rseq=0 QUICK=1
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cpu LANE_CONF=mode:rseq QUICK=1
// variant: cid LANE_CONF=mode:cid QUICK=1
// variant: background LANE_CONF=background_thread:true,release_delay_ms:1 QUICK=1
// variant: prof LANE_CONF=prof_rate:1024
// variant: guard LANE_CONF=prof_rate:1024,guard_rate:3
// variant: check LANE_CONF=check:full QUICK=1
// variant: check-lock LANE_CONF=check:full,mode:lock QUICK=1
// variant: check-prof LANE_CONF=check:full,prof_rate:1024,guard_rate:3 QUICK=1
/*
 * Threads allocate, free, pass on, release and migrate as fast as they can.
 * In every snapshot all identities hold, no cumulative count has fallen, and
 * the number of live objects is within what the threads can hold.
 */
#include "snapshot.h"

#define THREADS 6
#define HELD 200
#define SHARED 512

static struct snap snaps[2];
static _Atomic bool stop;
static void *_Atomic shared[SHARED];

static void *load(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	void *p[HELD] = {0};
	int cpus[64], nr = allowed_cpus(cpus, 64);

	while (!atomic_load(&stop)) {
		uint64_t r = ksft_random(&rng);
		size_t i = r % HELD;

		switch ((r >> 32) % 16) {
		case 0:
			p[i] = opaque(realloc(p[i], opaque_size(random_size(&rng) % KIB(64) + 1)));
			break;
		case 1:
			p[i] = atomic_exchange(&shared[(r >> 40) % SHARED], p[i]);
			break;
		case 2:
			if ((r >> 40) % 512 == 0)
				lane_release((r >> 50) & 1 ? SIZE_MAX : KIB(512));
			if ((r >> 40) % 256 == 1)
				run_on_cpu(cpus[(r >> 52) % (unsigned int)nr]);
			break;
		default:
			put(p[i]);
			p[i] = get(random_size(&rng) % KIB(500));
		}
	}
	for (size_t i = 0; i < HELD; i++)
		put(p[i]);
	return NULL;
}

/* Sizes churn as a program does that grows and shrinks: spans come and go. */
static void *waves(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	static void *p[20000];

	while (!atomic_load(&stop)) {
		size_t size = 16 + ksft_random(&rng) % 2000;
		size_t n = ksft_random(&rng) % ARRAY_SIZE(p);

		for (size_t i = 0; i < n; i++)
			p[i] = get(size);
		for (size_t i = 0; i < n; i++)
			put(p[i]);
	}
	return NULL;
}

static void not_fallen(struct snap_fault *f, const char *what, uint64_t now, uint64_t then)
{
	snap_least(f, what, now, then);
}

static int fallen(const struct snap *now, const struct snap *then)
{
	struct snap_fault f = {0};

	snap_same(&f, "generation + 1", now->st.generation, then->st.generation + 1);
	not_fallen(&f, "mallocs", now->st.mallocs, then->st.mallocs);
	not_fallen(&f, "frees", now->st.frees, then->st.frees);
	for (unsigned int c = 0; c < now->st.nr_classes; c++) {
		const struct lane_class_stats *a = &now->classes[c], *b = &then->classes[c];

		not_fallen(&f, "class mallocs", a->mallocs, b->mallocs);
		not_fallen(&f, "class frees", a->frees, b->frees);
		not_fallen(&f, "class refills", a->refills, b->refills);
		not_fallen(&f, "class flushes", a->flushes, b->flushes);
	}
	for (unsigned int c = 0; c < now->st.nr_cpus; c++) {
		const struct lane_cpu_stats *a = &now->cpus[c], *b = &then->cpus[c];

		not_fallen(&f, "cpu mallocs", a->mallocs, b->mallocs);
		not_fallen(&f, "cpu frees", a->frees, b->frees);
		not_fallen(&f, "cpu remote_frees", a->remote_frees, b->remote_frees);
		not_fallen(&f, "cpu refills", a->refills, b->refills);
		not_fallen(&f, "cpu flushes", a->flushes, b->flushes);
	}
	for (unsigned int n = 0; n < now->st.nr_nodes; n++) {
		not_fallen(&f, "node mallocs", now->nodes[n].mallocs, then->nodes[n].mallocs);
		not_fallen(&f, "node frees", now->nodes[n].frees, then->nodes[n].frees);
	}
	return f.count;
}

int main(void)
{
	double end = ksft_now() + (ksft_quick() ? 1.5 : 8);
	pthread_t t[THREADS];
	uint64_t rng, base, taken = 0, out_of_bounds = 0, in_transit = 0;
	int broken = 0, fell = 0;

	ksft_print_header();
	ksft_set_plan(5);
	rng = ksft_seed() | 1;
	snap_read(&snaps[0]);
	base = snaps[0].st.live_objects;
	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], i ? load : waves, (void *)(uintptr_t)(ksft_random(&rng) | 1));
	snap_read(&snaps[0]);
	for (taken = 1; ksft_now() < end && broken < 10 && fell < 10; taken++) {
		struct snap *now = &snaps[taken % 2], *then = &snaps[(taken + 1) % 2];
		uint64_t most = base + 4 * THREADS + (THREADS - 1) * (HELD + 1) + SHARED + 20000;

		snap_read(now);
		broken += snap_faults(now, false) != 0;
		fell += fallen(now, then) != 0;
		out_of_bounds += now->st.live_objects < base || now->st.live_objects > most;
		in_transit += now->st.in_transit != 0;
		if (taken % 16 == 0)
			usleep(ksft_random(&rng) % 3000);
	}
	ksft_print_msg("%llu snapshots, %llu with objects in transit", (unsigned long long)taken,
		       (unsigned long long)in_transit);
	ksft_test_result(broken == 0, "the identities hold in every snapshot");
	ksft_test_result(fell == 0, "no cumulative count falls");
	ksft_test_result(out_of_bounds == 0, "live objects stay within what threads hold");
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (size_t i = 0; i < SHARED; i++)
		put(shared[i]);
	snap_read(&snaps[0]);
	ksft_test_result(snaps[0].st.live_objects >= base &&
				 snaps[0].st.live_objects <= base + 4 * THREADS,
			 "in the end all is free");
	ksft_test_result(snap_good(&snaps[0]) && snaps[0].st.in_transit == 0,
			 "quiet: the identities hold, nothing is in transit");
	ksft_finished();
}
