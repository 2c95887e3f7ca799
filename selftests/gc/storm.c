// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * Threads that allocate as fast as they can do not outrun the collector: whenever marking
 * runs the heap is at most 5 percent and one over-assist per thread above its goal. Below a
 * memory limit that is less than what lives, everything goes on.
 */
#include "nodes.h"

#define THREADS 4
#define KEEP 20000
#define OVER_ASSIST MIB(5) /* what a thread may owe, and what its caches hold */

static _Atomic bool stop;
static _Atomic uint64_t steps, broken;

static void *storm(void *arg)
{
	uint64_t rng = (uintptr_t)arg * 7919 | 1;
	struct node **keep = lane_gc_alloc_conservative(KEEP * sizeof(void *));

	while (!atomic_load(&stop)) {
		for (int i = 0; i < 100; i++) {
			size_t at = ksft_random(&rng) % KEEP;

			if (keep[at] && !node_whole(keep[at]))
				atomic_fetch_add(&broken, 1);
			lane_gc_write(&keep[at], node_make((enum node_kind)(at % NODE_KINDS),
							   at + 1, (unsigned int)(at % 20)));
			gc_garbage(ksft_random(&rng) % 300);
		}
		atomic_fetch_add(&steps, 100);
	}
	return NULL;
}

struct seen {
	uint64_t looks, marking, beyond, worst;
	uint64_t limited; /* of beyond: in a marking in which the limiter let allocation off */
	uint64_t cycles, steps, limited_ns;
};

/* With @cycle also until there was one, and was seen to mark: a slow machine takes longer. */
static struct seen watch(double seconds, bool cycle)
{
	double end = ksft_now() + seconds, last = ksft_now() + ksft_patience(30);
	struct seen s = {0};
	struct lane_gc_stats first = gc_stats(), began = first; /* began: this marking */
	uint64_t from = atomic_load(&steps);

	while (ksft_now() < end || (cycle && (!s.cycles || !s.marking) && ksft_now() < last)) {
		struct lane_gc_stats st = gc_stats();
		uint64_t most = st.goal + st.goal / 20 + (THREADS + 1) * OVER_ASSIST;

		s.looks++;
		s.marking += st.phase == 1;
		s.cycles = st.cycles - first.cycles;
		if (st.cycles != began.cycles)
			began = st;
		if (st.phase == 1 && st.heap_live > most) {
			s.beyond++;
			s.limited += st.limited_ns > began.limited_ns;
			if (st.heap_live - st.goal > s.worst)
				s.worst = st.heap_live - st.goal;
		}
		usleep(200);
	}
	s.cycles = gc_stats().cycles - first.cycles;
	s.limited_ns = gc_stats().limited_ns - first.limited_ns;
	s.steps = atomic_load(&steps) - from;
	ksft_print_msg(
		"%llu looks, %llu while marking, %llu beyond (%llu with the limiter on), worst "
		"%llu; %llu cycles, %llu steps, limited %.0f ms",
		(unsigned long long)s.looks, (unsigned long long)s.marking,
		(unsigned long long)s.beyond, (unsigned long long)s.limited,
		(unsigned long long)s.worst, (unsigned long long)s.cycles,
		(unsigned long long)s.steps, (double)s.limited_ns / 1e6);
	return s;
}

int main(int argc, char **argv)
{
	double seconds = ksft_quick() ? 1 : 4;
	pthread_t t[THREADS];
	struct seen s;

	(void)argc;
	gc_conf(argv, "gc_check:false");
	ksft_print_header();
	ksft_set_plan(9);
	gc_begin(NULL);
	node_make_types();
	for (int i = 0; i < THREADS; i++)
		gc_thread(&t[i], storm, (void *)(uintptr_t)(i + 1));
	usleep(300000);
	s = watch(seconds, true);
	ksft_test_result(s.cycles && s.marking, "cycles run all the time");
	ksft_test_result(!s.beyond, "the heap keeps to its goal");
	ksft_test_result(lane_gc_set_percent(25) == 100, "the percentage was 100");
	s = watch(seconds, true);
	ksft_test_result(s.cycles && !s.beyond, "at 25 percent, too");
	lane_gc_set_percent(1);
	s = watch(seconds, true);
	ksft_test_result(s.cycles && s.steps, "at 1 percent all go on");
	lane_gc_set_percent(100);
	lane_gc_set_memory_limit(MIB(1));
	s = watch(seconds, true);
	ksft_test_result(s.cycles && s.steps, "with a limit of less than what lives, too");
	ksft_test_result(lane_gc_set_memory_limit(UINT64_MAX) == MIB(1), "the limit was that");
	lane_gc_set_percent(-1);
	lane_gc_collect();
	s = watch(seconds / 4, false);
	ksft_test_result(s.cycles <= 1 && s.steps,
			 "without percentage and limit nothing is collected");
	lane_gc_set_percent(100);
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ksft_test_result(!atomic_load(&broken) && lane_gc_verify() == 0, "nothing was lost");
	ksft_finished();
}
