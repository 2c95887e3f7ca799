// SPDX-License-Identifier: MIT
// variant: cpu LANE_CONF=mode:rseq
/*
 * One thread alone on its CPU is held inside a section, past the load of its
 * cache, while another stops and drains all lanes, and is let go before anything
 * else can disturb it. The section must not commit to what it has loaded: that
 * would bring back objects which the drain has given away. After each round the
 * thread rests and everything is counted.
 */
#include "inject.h"

#include "conf.h"

#define SIZE 700
#define KEEP 100
#define ROUNDS (ksft_quick() ? 2 : 4)
#define FROM 4 /* the first point past the load of the cache */
#define PATIENCE 10.0

static _Atomic bool stop, rest, resting;

/* All sections run: blocks go empty and full, and roll after each snapshot. */
static void *loop(void *arg)
{
	void *p[KEEP];

	(void)arg;
	unit_pin(1);
	while (!atomic_load(&stop)) {
		for (int i = 0; i < KEEP; i++)
			p[i] = load_get(SIZE);
		for (int i = 0; i < KEEP; i++)
			load_put(p[i]);
		if (!atomic_load(&rest))
			continue;
		atomic_store(&resting, true);
		while (atomic_load(&rest))
			sched_yield();
		atomic_store(&resting, false);
	}
	return NULL;
}

/* Some loops more, then all is counted. */
static bool right_afterwards(void)
{
	bool right;

	nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	atomic_store(&rest, true);
	while (!atomic_load(&resting))
		sched_yield();
	right = load_right();
	atomic_store(&rest, false);
	while (atomic_load(&resting))
		sched_yield();
	return right;
}

static bool hold(struct rseq_inject *inject, u32 point)
{
	double end = ksft_now() + PATIENCE;
	static struct snap snap;

	WRITE_ONCE(inject->seen, 0);
	WRITE_ONCE(inject->hold, point);
	while (READ_ONCE(inject->seen) != point && ksft_now() < end) {
		/* A block rolls only after a snapshot. */
		if (inject == &rseq_inject[SECTION_ROLL])
			snap_read(&snap);
		sched_yield();
	}
	return READ_ONCE(inject->seen) == point;
}

static void test_section(u32 section)
{
	struct rseq_inject *inject = &rseq_inject[section];
	const struct section *s = &sections[section];
	bool reached = true, right = true;

	for (u32 point = FROM; point <= s->points; point++) {
		for (int i = 0; i < ROUNDS && reached; i++) {
			reached = hold(inject, point);
			lane_release(SIZE_MAX);
			WRITE_ONCE(inject->hold, 0);
			right &= right_afterwards();
		}
	}
	ksft_test_result(reached && right, "%s: drained while held at points %u..%u", s->name, FROM,
			 s->points);
}

int main(void)
{
	pthread_t t;

	ksft_print_header();
	need_rseq();
	if (unit_nr_cpus < 2)
		ksft_exit_skip("one CPU: who is held there keeps others from running");
	ksft_set_plan(NR_SECTIONS + 1);
	conf.cpu_cache_max = KIB(16); /* so that blocks run empty and full in each loop */
	unit_pin(0);
	start_thread(&t, loop, NULL);
	for (u32 s = 0; s < NR_SECTIONS; s++)
		test_section(s);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	ksft_test_result(load_right() && unit_live() == 0, "in the end: all free, counts exact");
	ksft_finished();
}
