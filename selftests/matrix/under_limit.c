// SPDX-License-Identifier: MIT
/*
 * A program that keeps below a cgroup's memory limit is not killed for what Lane keeps:
 * what it allocates and frees in all is many times the limit, in sizes that change.
 *
 * MATRIX_LIMIT is the limit in MiB.
 */
#include "../api/same_as_walk.h"

#define THREADS 4
#define ROUNDS 12

static struct snap snap, walk;
static uint64_t most; /* bytes that live at once, a half of the limit */
static _Atomic uint64_t total;

/* A round's objects are of one kind, so that what the last round left does not fit. */
static size_t round_size(int round, uint64_t *rng)
{
	static const size_t sizes[] = {100, KIB(2), KIB(24), KIB(200), MIB(1) + 100};
	size_t size = sizes[round % ARRAY_SIZE(sizes)];

	return size / 2 + ksft_random(rng) % size;
}

static void *worker(void *arg)
{
	uint64_t rng = (uintptr_t)arg * 7919 | 1;

	for (int round = 0; round < ROUNDS; round++) {
		void **last = NULL, **p;
		uint64_t bytes = 0;

		while (bytes < most / THREADS) {
			size_t size = round_size(round, &rng);

			p = get(size);
			if (!p)
				return "malloc failed";
			memset(p, 1, size);
			*p = last;
			last = p;
			bytes += size;
		}
		atomic_fetch_add(&total, bytes);
		for (; last; last = p) {
			p = *last;
			put(last);
		}
	}
	return NULL;
}

int main(void)
{
	const char *text = getenv("MATRIX_LIMIT");
	pthread_t t[THREADS];
	int refused = 0;

	ksft_print_header();
	ksft_set_plan(3);
	most = ((text ? strtoull(text, NULL, 10) : 128) << 20) / 2;
	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], worker, (void *)(uintptr_t)(i + 1));
	for (int i = 0; i < THREADS; i++) {
		void *message;

		pthread_join(t[i], &message);
		refused += message != NULL;
	}
	ksft_test_result(refused == 0, "no malloc failed");
	ksft_test_result(atomic_load(&total) >= most * ROUNDS,
			 "%llu MiB were allocated, at most %llu at once",
			 (unsigned long long)atomic_load(&total) >> 20,
			 (unsigned long long)most >> 20);
	ksft_test_result(snap_read(&snap) == 0 && snap_walk(&walk) == 0 && snap_good(&snap) &&
				 snap_differences(&snap, &walk) == 0,
			 "the books are what a walk finds");
	ksft_finished();
}
