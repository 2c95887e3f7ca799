// SPDX-License-Identifier: MIT
/*
 * A thread is held at each point of each restartable sequence in turn. A snapshot begins,
 * and between two CPUs' books the thread is let go and does the rest of its work: none of
 * it may be in that snapshot. A section that had loaded the generation before
 * must have begun again.
 */
#include "inject.h"

#include <semaphore.h>

#include "snapshot.h"

#define SIZE 200
#define MANY 2000
#define PATIENCE 10.0

static struct snap snap;
static _Atomic uint64_t mallocs_done = 1, frees_done = 1; /* one by need_rseq() */
static sem_t go, done;
static bool stop, let_go;
static u32 section, point;

/* All sections: blocks roll, run empty and full, and pops are sampled. */
static void *work(void *arg)
{
	static void *kept[MANY];

	(void)arg;
	unit_pin((unsigned int)unit_nr_cpus - 1);
	for (;;) {
		sem_wait(&go);
		if (stop)
			return NULL;
		for (int i = 0; i < MANY; i++, atomic_fetch_add(&mallocs_done, 1))
			kept[i] = lane_malloc(SIZE);
		for (int i = 0; i < MANY; i++, atomic_fetch_add(&frees_done, 1))
			lane_free(kept[i]);
		sem_post(&done);
	}
}

static bool is_held(void)
{
	double end = ksft_now() + ksft_patience(PATIENCE);

	WRITE_ONCE(rseq_inject[section].seen, 0);
	while (READ_ONCE(rseq_inject[section].seen) != point && ksft_now() < end)
		sched_yield();
	return READ_ONCE(rseq_inject[section].seen) == point;
}

static void release_held(void)
{
	if (let_go)
		return;
	let_go = true;
	WRITE_ONCE(rseq_inject[section].hold, 0);
	sem_wait(&done);
}

static bool right_at_point(void)
{
	uint64_t mallocs, frees;
	bool held;

	snap_read(&snap); /* so that blocks roll */
	WRITE_ONCE(rseq_inject[section].hold, point);
	sem_post(&go);
	held = is_held();
	mallocs = atomic_load(&mallocs_done);
	frees = atomic_load(&frees_done);
	let_go = false;
	snapshot_test.between_lanes = release_held;
	snap_read(&snap);
	snapshot_test.between_lanes = NULL;
	if (held && let_go && snap.st.mallocs == mallocs && snap.st.frees == frees &&
	    snap_good(&snap))
		return true;
	ksft_print_msg("%s, %s at point %u: %lld mallocs and %lld frees too many",
		       sections[section].name, held ? "held" : "not seen", point,
		       (long long)(snap.st.mallocs - mallocs), (long long)(snap.st.frees - frees));
	return false;
}

static bool right_in_section(void)
{
	for (point = 1; point <= sections[section].points; point++) {
		if (!right_at_point())
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	pthread_t t;

	(void)argc;
	unit_conf(argv, "mode:rseq");
	ksft_print_header();
	need_rseq();
	if (unit_nr_cpus < 2)
		ksft_exit_skip("one CPU: who is held there keeps others from running");
	ksft_set_plan(NR_SECTIONS + 1);
	unit_pin(0);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	start_thread(&t, work, NULL);
	for (section = 0; section < NR_SECTIONS; section++)
		ksft_test_result(right_in_section(), "%s: let go while a snapshot is read",
				 sections[section].name);
	stop = true;
	sem_post(&go);
	pthread_join(t, NULL);
	ksft_test_result(unit_books_right() && unit_live() == 0,
			 "in the end snapshot and walk agree");
	ksft_finished();
}
