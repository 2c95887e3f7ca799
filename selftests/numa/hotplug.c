// SPDX-License-Identifier: MIT
// CPUs go offline and come back while threads allocate; what they had cached is not lost.
#include "numa.h"
#include "../api/snapshot.h"

#define SLOTS 1024
#define MAX_THREADS 32

static struct numa_map map;
static struct snap now;
static _Atomic(void *) slots[SLOTS];
static atomic_bool stop;
static uint64_t seed;

static void *worker(void *arg)
{
	uint64_t rng = (seed + 7919 * (uintptr_t)arg) | 1;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint64_t x = ksft_random(&rng);
		void *p = get(random_size(&rng));

		if (!p)
			return "malloc failed";
		*(volatile char *)p = 1;
		put(atomic_exchange(&slots[(x >> 24) % SLOTS], p));
	}
	return NULL;
}

static bool switch_cpu(int cpu, bool online)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	if (numa_write_text(path, online ? "1" : "0"))
		return true;
	ksft_print_msg("CPU %d %s: %s", cpu, online ? "online" : "offline", strerror(errno));
	return false;
}

/* Allocates and frees enough on the CPU that its cache holds something. */
static void fill_cache(int cpu)
{
	void *objects[200];

	numa_pin(cpu);
	for (int i = 0; i < 200; i++)
		objects[i] = get(256);
	for (int i = 0; i < 200; i++)
		put(objects[i]);
}

static uint64_t cached_on(int cpu)
{
	snap_read(&now);
	for (unsigned int i = 0; i < now.st.nr_cpus; i++)
		if (now.cpus[i].cpu == cpu)
			return now.cpus[i].cached;
	return 0;
}

/* One CPU after the other leaves and returns, then a whole node does. */
static int churn_cpus(int *faults)
{
	const struct numa_node *node = map.both[map.nr_both - 1];
	int failed = 0;

	for (int i = 1; i < map.nr_both; i++) {
		int cpu = map.both[i]->cpus[map.both[i]->nr_cpus - 1];

		failed += !switch_cpu(cpu, false);
		snap_read(&now);
		*faults += snap_faults(&now, false);
		failed += !switch_cpu(cpu, true);
	}
	for (int i = 0; i < node->nr_cpus; i++)
		failed += !switch_cpu(node->cpus[i], false);
	usleep(200000);
	snap_read(&now);
	*faults += snap_faults(&now, false);
	for (int i = 0; i < node->nr_cpus; i++)
		failed += !switch_cpu(node->cpus[i], true);
	return failed;
}

int main(void)
{
	const struct numa_node *last;
	pthread_t ids[MAX_THREADS];
	int threads, failed, faults = 0, refused = 0, cpu;
	uint64_t before, after;
	cpu_set_t all;
	void *p;

	ksft_print_header();
	numa_need(&map, 2);
	if (!getenv("LANE_VM"))
		ksft_exit_skip(
			"takes CPUs offline: only in a guest (scripts/vm), or with LANE_VM=1");
	last = map.both[map.nr_both - 1];
	cpu = last->cpus[0];
	if (!switch_cpu(cpu, true))
		ksft_exit_skip("CPU %d cannot be switched", cpu);
	seed = ksft_seed();
	ksft_set_plan(7);
	sched_getaffinity(0, sizeof(all), &all);

	threads = CPU_COUNT(&all) < MAX_THREADS ? CPU_COUNT(&all) : MAX_THREADS;
	for (int i = 0; i < threads; i++)
		start_thread(&ids[i], worker, (void *)(uintptr_t)i);
	failed = churn_cpus(&faults);
	ksft_test_result(failed == 0, "CPUs leave and return under %d allocating threads", threads);
	ksft_test_result(faults == 0, "every identity holds with CPUs offline");
	atomic_store(&stop, true);
	for (int i = 0; i < threads; i++) {
		void *message;

		pthread_join(ids[i], &message);
		refused += message != NULL;
	}
	ksft_test_result(refused == 0, "no malloc failed meanwhile");
	for (int i = 0; i < SLOTS; i++)
		put(atomic_exchange(&slots[i], NULL));

	fill_cache(cpu);
	sched_setaffinity(0, sizeof(all), &all);
	failed = !switch_cpu(cpu, false);
	before = cached_on(cpu);
	ksft_test_result(!failed && before > 0,
			 "an offline CPU's cache is still counted: %llu bytes",
			 (unsigned long long)before);
	lane_release(SIZE_MAX);
	after = cached_on(cpu);
	ksft_test_result(after == 0, "lane_release empties it (%llu bytes left)",
			 (unsigned long long)after);
	ksft_test_result(snap_good(&now), "every identity holds afterwards");
	failed = !switch_cpu(cpu, true);
	fill_cache(cpu);
	p = get(5000);
	ksft_test_result(!failed && cached_on(cpu) > 0 && numa_lies_on(p, 5000, last->id),
			 "back online it has a cache again, and its node's memory");
	put(p);
	ksft_finished();
}
