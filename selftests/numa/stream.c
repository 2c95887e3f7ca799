// SPDX-License-Identifier: MIT
// Each node's threads hand objects to the next node's threads, which free them: nothing strays,
// nothing is lost, and the memory stays bounded.
#include "numa.h"
#include "../api/snapshot.h"

#define MAX_PAIRS 8
#define RING 512
#define MAX_SIZE 30000

struct object {
	uint32_t size;
	uint32_t seed;
};

struct ring {
	_Atomic(struct object *) slot[RING];
	const struct numa_node *from, *to;
	uint64_t seed;
	uint64_t passed;
	unsigned int strays, damaged, misplaced;
};

static struct numa_map map;
static struct ring rings[MAX_PAIRS];
static struct snap quiet, end;
static atomic_bool stop;

static void *producer(void *arg)
{
	struct ring *r = arg;
	uint64_t rng = r->seed | 1;

	numa_pin(r->from->cpus[0]);
	for (unsigned int i = 0; !atomic_load_explicit(&stop, memory_order_relaxed);) {
		uint64_t x = ksft_random(&rng);
		size_t size = sizeof(struct object) + (x & 15 ? x >> 8 & 511 : x >> 8 & 16383);
		struct object *o;

		if (atomic_load_explicit(&r->slot[i], memory_order_relaxed)) {
			usleep(20);
			continue;
		}
		o = get(size);
		if (!o)
			ksft_exit_fail_msg("malloc(%zu): %s", size, strerror(errno));
		r->strays += lane_node_of(o) != r->from->id;
		o->size = (uint32_t)size;
		o->seed = (uint32_t)x;
		pattern_fill(o + 1, size - sizeof(*o), o->seed);
		atomic_store_explicit(&r->slot[i], o, memory_order_release);
		i = (i + 1) % RING;
	}
	return NULL;
}

static void consume(struct ring *r, struct object *o)
{
	r->damaged += !pattern_holds(o + 1, o->size - sizeof(*o), o->seed);
	if (r->passed++ % 64 == 0)
		r->misplaced += !numa_lies_on(o, sizeof(*o), r->from->id);
	put(o);
}

static void *consumer(void *arg)
{
	struct ring *r = arg;

	numa_pin(r->to->cpus[r->to->nr_cpus - 1]);
	for (unsigned int i = 0, left = RING;;) {
		struct object *o =
			atomic_exchange_explicit(&r->slot[i], NULL, memory_order_acquire);

		if (o) {
			consume(r, o);
			left = RING;
			i = (i + 1) % RING;
		} else if (atomic_load(&stop)) {
			/* The producer may have been inside its last object. */
			if (left-- == 0)
				return NULL;
			i = (i + 1) % RING;
			usleep(100);
		} else {
			usleep(20);
		}
	}
}

static uint64_t run(int pairs, double seconds)
{
	pthread_t threads[2 * MAX_PAIRS];
	double until = ksft_now() + seconds;
	uint64_t peak = 0;

	atomic_store(&stop, false);
	for (int i = 0; i < pairs; i++) {
		start_thread(&threads[2 * i], producer, &rings[i]);
		start_thread(&threads[2 * i + 1], consumer, &rings[i]);
	}
	while (ksft_now() < until) {
		usleep(50000);
		snap_read(&end);
		if (end.st.mapped - end.st.metadata > peak)
			peak = end.st.mapped - end.st.metadata;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2 * pairs; i++)
		pthread_join(threads[i], NULL);
	return peak;
}

int main(void)
{
	unsigned int strays = 0, damaged = 0, misplaced = 0;
	double seconds = ksft_quick() ? 1 : 2;
	uint64_t seed, passed = 0, early, late;
	int pairs;

	ksft_print_header();
	numa_need(&map, 2);
	seed = ksft_seed();
	pairs = map.nr_both < MAX_PAIRS ? map.nr_both : MAX_PAIRS;
	ksft_set_plan(5);
	for (int i = 0; i < pairs; i++) {
		rings[i].from = map.both[i];
		rings[i].to = map.both[(i + 1) % map.nr_both];
		rings[i].seed = seed + 1000 * i;
	}
	early = run(pairs, seconds);
	snap_read(&quiet);
	late = run(pairs, 2 * seconds);
	snap_read(&end);
	for (int i = 0; i < pairs; i++) {
		passed += rings[i].passed;
		strays += rings[i].strays;
		damaged += rings[i].damaged;
		misplaced += rings[i].misplaced;
	}
	ksft_print_msg("%llu objects over %d pairs of nodes; mapped at most %llu, then %llu bytes",
		       (unsigned long long)passed, pairs, (unsigned long long)early,
		       (unsigned long long)late);
	ksft_test_result(strays == 0, "no producer was given an object of another node (%u)",
			 strays);
	ksft_test_result(misplaced == 0, "pages lie on the producer's node (%u elsewhere)",
			 misplaced);
	ksft_test_result(damaged == 0, "every object arrives as it was written (%u damaged)",
			 damaged);
	ksft_test_result(end.st.live_objects == quiet.st.live_objects,
			 "every object was freed: %llu live before, %llu after",
			 (unsigned long long)quiet.st.live_objects,
			 (unsigned long long)end.st.live_objects);
	ksft_test_result(late <= early + early / 2 + MIB(8),
			 "twice the time takes no more memory than the first run and half as much");
	ksft_finished();
}
