// SPDX-License-Identifier: MIT
/*
 * What a store of a reference and the making of a small object cost, in CPU
 * time of the thread. barrier MILLIONS [LIVE]
 *
 * Stores go round 1024 slots of an object: plain, then as the heap wants them,
 * then so while another thread makes whole collections of LIVE objects one
 * after the other. Objects are made, a million at a time, with no collection in
 * between; then all are dropped and collected (freed), and memory is used again.
 */
#include "heap.h"
#include <sys/mman.h>

#define SLOTS 1024
#define BATCH 1000000
#define ROUNDS 5

struct small {
	void *a, *b;
};

struct medium {
	void *a, *b;
	uint64_t numbers[6];
};

static struct heap_type small_type, medium_type;
static atomic_bool stop;
static void **batch;	    /* the collector does not look here */
static struct medium *live; /* a root */

static uint64_t thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void stores(const char *name, void **object, void *const *values, size_t n, bool plain)
{
	uint64_t start = thread_ns();

	for (size_t i = 0; i < n; i++) {
		void **slot = &object[i % SLOTS];

		if (plain)
			*(void *volatile *)slot = values[i / SLOTS % 2];
		else
			heap_store(slot, keep(values[i / SLOTS % 2]));
	}
	put(name, (double)(thread_ns() - start) / (double)n, "ns");
}

static void *collect(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		heap_collect();
	return NULL;
}

static void grow(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct medium *m = heap_new(&medium_type);

		heap_store(&m->a, live);
		heap_null(&m->b);
		heap_store(&live, m);
	}
}

static void all_stores(size_t n, size_t nr_live)
{
	void **object = heap_new_refs(SLOTS);
	void *const values[2] = {heap_new(&small_type), heap_new(&small_type)};
	pthread_t collector;

	heap_collect();
	stores("store.plain", object, values, n, true);
	stores("store.heap", object, values, n, false);
	if (HEAP_MANUAL)
		return;
	grow(nr_live);
	if (pthread_create(&collector, NULL, collect, NULL))
		die("barrier: pthread_create");
	sleep_ms(20);
	stores("store.collecting", object, values, n, false);
	atomic_store(&stop, true);
	pthread_join(collector, NULL);
	heap_store(&live, NULL);
	keep(object);
}

#define EMPTY_BATCH(how)                                                                           \
	for (size_t i = 0; i < BATCH; i++)                                                         \
	batch[i] = (how)

static void *small(void)
{
	return heap_new(&small_type);
}

static void *medium(void)
{
	return heap_new(&medium_type);
}

static void *bytes_8(void)
{
	return heap_new_bytes(8);
}

static void *bytes_64(void)
{
	return heap_new_bytes(64);
}

static double make_batch(int kind)
{
	uint64_t start = thread_ns();

	switch (kind) {
	case 0:
		EMPTY_BATCH(small());
		break;
	case 1:
		EMPTY_BATCH(medium());
		break;
	case 2:
		EMPTY_BATCH(bytes_8());
		break;
	default:
		EMPTY_BATCH(bytes_64());
	}
	return (double)(thread_ns() - start) / BATCH;
}

static void drop_batch(void)
{
	for (size_t i = 0; i < BATCH; i++)
		heap_drop(batch[i]);
	heap_collect();
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void objects(const char *name, int kind)
{
	double ns[ROUNDS];

	make_batch(kind);
	drop_batch();
	for (int i = 0; i < ROUNDS; i++) {
		ns[i] = make_batch(kind);
		drop_batch();
	}
	qsort(ns, ROUNDS, sizeof(*ns), by_value);
	put(name, ns[ROUNDS / 2], "ns");
}

int main(int argc, char **argv)
{
	size_t n = arg_num(argc, argv, 1, 200) * 1000000;

	heap_start();
	small_type = heap_type("small", sizeof(struct small), 3);
	medium_type = heap_type("medium", sizeof(struct medium), 3);
	heap_root(&live, sizeof(live));
	batch = mmap(NULL, BATCH * sizeof(*batch), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (batch == MAP_FAILED)
		die("barrier: mmap");
	all_stores(n, arg_num(argc, argv, 2, 1000000));
	heap_growth(false);
	objects("make.16_refs", 0);
	objects("make.64_refs", 1);
	objects("make.8_bytes", 2);
	objects("make.64_bytes", 3);
	put("peak_rss", peak_kb(), "kB");
	return 0;
}
