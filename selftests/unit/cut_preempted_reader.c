// SPDX-License-Identifier: MIT
// variant: cid LANE_CONF=mode:cid
// variant: lock LANE_CONF=mode:lock
/*
 * A reader of the lowest priority is preempted at any instruction, for as long
 * as others like, while the blocks that it reads are emptied and filled in
 * batches under its hands. Every snapshot is still a state that existed.
 */
#include "unit.h"

#define WORKERS 2
#define BATCH 150
#define K (WORKERS * BATCH)
#define SIZE 1024

static _Atomic bool stop;
static _Atomic uint64_t rounds;

/* Bursts with short sleeps in between: each wake-up preempts the reader. */
static void *work(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	void *p[BATCH];

	while (!atomic_load(&stop)) {
		if (ksft_random(&rng) % 16 == 0)
			unit_pin((unsigned int)(ksft_random(&rng) >> 40));
		for (uint64_t n = 1 + ksft_random(&rng) % 8; n; n--) {
			for (int i = 0; i < BATCH; i++)
				p[i] = lane_malloc(SIZE);
			for (int i = 0; i < BATCH; i++)
				lane_free(p[i]);
			atomic_fetch_add(&rounds, 1);
		}
		nanosleep(&(struct timespec){.tv_nsec = (long)(ksft_random(&rng) % 30000)}, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct sched_param none = {0};
	unsigned int broken = 0, impossible = 0, fell = 0, n = 0;
	static struct snap snap;
	pthread_t t[WORKERS];
	uint64_t rng, mallocs = 0, refills = 0;

	(void)argc;
	unit_conf(argv, "mode:rseq,cpu_cache_max:64k"); /* little room: batches come often */
	ksft_print_header();
	ksft_set_plan(4);
	rng = ksft_seed() | 1;
	for (int i = 0; i < WORKERS; i++)
		start_thread(&t[i], work, (void *)(uintptr_t)(ksft_random(&rng) | 1));
	sched_setscheduler(0, SCHED_IDLE, &none);
	for (double end = ksft_now() + (ksft_quick() ? 1 : 4); ksft_now() < end; n++) {
		const struct lane_class_stats *c;

		snap_read(&snap);
		c = &snap.classes[snap_class(&snap, SIZE)];
		broken += !snap_good(&snap);
		impossible += (int64_t)c->live < 0 || (int64_t)c->live > K ||
			      (int64_t)c->cpu_cached < 0 || (int64_t)c->in_transit < 0;
		fell += c->mallocs < mallocs || c->refills < refills;
		mallocs = c->mallocs;
		refills = c->refills;
	}
	sched_setscheduler(0, SCHED_OTHER, &none);
	atomic_store(&stop, true);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%u snapshots over %llu rounds, %llu refills", n, (unsigned long long)rounds,
		       (unsigned long long)refills);
	ksft_test_result(n > 50 && !broken, "all identities hold in each snapshot");
	ksft_test_result(!impossible, "0 <= live <= K in each snapshot");
	ksft_test_result(!fell, "no count falls");
	ksft_test_result(unit_books_right() && unit_live() == 0, "quiet: snapshot and walk agree");
	ksft_finished();
}
