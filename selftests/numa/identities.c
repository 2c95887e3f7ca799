// SPDX-License-Identifier: MIT
// Threads on all CPUs migrate between nodes, pass objects to each other and free them anywhere:
// every snapshot adds up, and a quiet one equals the walk.
#include "numa.h"
#include "../api/snapshot.h"

#define SLOTS 2048
#define MAX_THREADS 64

/* Nobody else allocates this size here, so its live count has a bound. */
#define BOUNDED_SIZE 1216
#define BOUNDED_SLOTS 40

static struct numa_map map;
static struct snap now, before, walk;
static _Atomic(void *) slots[SLOTS], bounded[BOUNDED_SLOTS];
static int all_cpus[NUMA_CPUS], nr_all;
static atomic_bool stop;
static uint64_t seed;

static size_t other_size(uint64_t *rng)
{
	size_t size = random_size(rng);

	return size > 1024 && size < 1536 ? 1024 : size;
}

static void *worker(void *arg)
{
	uint64_t rng = (seed + 7919 * (uintptr_t)arg) | 1;
	uint64_t done = 0;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint64_t x = ksft_random(&rng);

		if (done++ % 200 == 0)
			numa_pin(all_cpus[x % nr_all]);
		if ((x >> 20) % 4 == 0)
			put(atomic_exchange(&bounded[(x >> 24) % BOUNDED_SLOTS],
					    get(BOUNDED_SIZE)));
		else if ((x >> 20) % 4 == 1)
			put(atomic_exchange(&slots[(x >> 24) % SLOTS], NULL));
		else
			put(atomic_exchange(&slots[(x >> 24) % SLOTS], get(other_size(&rng))));
	}
	return (void *)(uintptr_t)done;
}

/* Cumulative counts never fall. */
static int fallen(const struct snap *old, const struct snap *new)
{
	struct snap_fault f = {0};

	for (unsigned int i = 0; i < new->st.nr_classes; i++) {
		snap_least(&f, "class: mallocs rise", new->classes[i].mallocs,
			   old->classes[i].mallocs);
		snap_least(&f, "class: frees rise", new->classes[i].frees, old->classes[i].frees);
	}
	for (unsigned int i = 0; i < new->st.nr_cpus; i++) {
		snap_least(&f, "cpu: mallocs rise", new->cpus[i].mallocs, old->cpus[i].mallocs);
		snap_least(&f, "cpu: frees rise", new->cpus[i].frees, old->cpus[i].frees);
		snap_least(&f, "cpu: remote_frees rise", new->cpus[i].remote_frees,
			   old->cpus[i].remote_frees);
	}
	for (unsigned int i = 0; i < new->st.nr_nodes; i++) {
		snap_least(&f, "node: mallocs rise", new->nodes[i].mallocs, old->nodes[i].mallocs);
		snap_least(&f, "node: frees rise", new->nodes[i].frees, old->nodes[i].frees);
	}
	return f.count;
}

/* Every figure that both know; a walk knows no cumulative counts. */
static int differences(const struct snap *a, const struct snap *b)
{
	struct snap_fault f = {0};

#define SAME(field) snap_same(&f, "snapshot == walk: " #field, a->st.field, b->st.field)
	SAME(live_objects);
	SAME(in_use);
	SAME(cpu_cached);
	SAME(transfer_cached);
	SAME(central_free);
	SAME(in_transit);
	SAME(span_tail);
	SAME(page_heap_free);
	SAME(released);
	SAME(metadata);
	SAME(mapped);
	SAME(reserved);
#undef SAME
	for (unsigned int i = 0; i < a->st.nr_classes; i++) {
		snap_same(&f, "class: live", a->classes[i].live, b->classes[i].live);
		snap_same(&f, "class: cpu_cached", a->classes[i].cpu_cached,
			  b->classes[i].cpu_cached);
		snap_same(&f, "class: transfer_cached", a->classes[i].transfer_cached,
			  b->classes[i].transfer_cached);
		snap_same(&f, "class: central_free", a->classes[i].central_free,
			  b->classes[i].central_free);
		snap_same(&f, "class: spans", a->classes[i].spans, b->classes[i].spans);
	}
	for (unsigned int i = 0; i < a->st.nr_cpus; i++)
		snap_same(&f, "cpu: cached", a->cpus[i].cached, b->cpus[i].cached);
	for (unsigned int i = 0; i < a->st.nr_nodes; i++) {
		snap_same(&f, "node: live_objects", a->nodes[i].live_objects,
			  b->nodes[i].live_objects);
		snap_same(&f, "node: cpu_cached", a->nodes[i].cpu_cached, b->nodes[i].cpu_cached);
		snap_same(&f, "node: central_free", a->nodes[i].central_free,
			  b->nodes[i].central_free);
		snap_same(&f, "node: page_heap_free", a->nodes[i].page_heap_free,
			  b->nodes[i].page_heap_free);
		snap_same(&f, "node: released", a->nodes[i].released, b->nodes[i].released);
		snap_same(&f, "node: mapped", a->nodes[i].mapped, b->nodes[i].mapped);
	}
	return f.count;
}

static void free_slots(void)
{
	for (int i = 0; i < SLOTS; i++)
		put(atomic_exchange(&slots[i], NULL));
	for (int i = 0; i < BOUNDED_SLOTS; i++)
		put(atomic_exchange(&bounded[i], NULL));
}

int main(void)
{
	double until = ksft_now() + (ksft_quick() ? 2 : 4);
	int faults = 0, falls = 0, over = 0, reads = 0, busy_cpus = 0;
	unsigned int bounded_class, threads;
	uint64_t live_before, bounded_before, bounded_bound, ops = 0;
	pthread_t ids[MAX_THREADS];

	ksft_print_header();
	numa_need(&map, 2);
	seed = ksft_seed();
	for (int i = 0; i < map.nr_nodes; i++)
		for (int k = 0; k < map.nodes[i].nr_cpus; k++)
			all_cpus[nr_all++] = map.nodes[i].cpus[k];
	ksft_set_plan(6);
	threads = (unsigned int)nr_all + 2;
	if (threads > MAX_THREADS)
		threads = MAX_THREADS;

	snap_read(&before);
	live_before = before.st.live_objects;
	bounded_class = snap_class(&before, BOUNDED_SIZE);
	bounded_before = before.classes[bounded_class].live;
	bounded_bound = bounded_before + BOUNDED_SLOTS + threads;
	for (unsigned int i = 0; i < threads; i++)
		start_thread(&ids[i], worker, (void *)(uintptr_t)i);
	while (ksft_now() < until) {
		snap_read(&now);
		reads++;
		faults += snap_faults(&now, false);
		falls += fallen(&before, &now);
		over += now.classes[bounded_class].live > bounded_bound;
		before = now;
		usleep(2000);
	}
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < threads; i++) {
		void *done;

		pthread_join(ids[i], &done);
		ops += (uintptr_t)done;
	}
	free_slots();
	snap_read(&now);
	snap_walk(&walk);
	for (unsigned int i = 0; i < now.st.nr_cpus; i++)
		busy_cpus += now.cpus[i].cpu >= 0 && now.cpus[i].mallocs > 0;
	ksft_print_msg("%u threads, %d CPUs, %d snapshots, %llu operations", threads, nr_all, reads,
		       (unsigned long long)ops);
	ksft_test_result(faults == 0, "every identity held in each of %d snapshots", reads);
	ksft_test_result(falls == 0, "no cumulative count fell");
	ksft_test_result(over == 0,
			 "live objects of one class stayed within what threads can hold");
	ksft_test_result(now.st.mode != LANE_MODE_RSEQ_CPU || busy_cpus >= nr_all,
			 "each of %d CPUs served mallocs from its own cache (%d did)", nr_all,
			 busy_cpus);
	ksft_test_result(differences(&now, &walk) == 0, "quiet: the snapshot equals the walk");
	ksft_test_result(now.st.live_objects <= live_before + threads,
			 "quiet: all is freed (%llu objects live before, %llu after)",
			 (unsigned long long)live_before, (unsigned long long)now.st.live_objects);
	ksft_finished();
}
