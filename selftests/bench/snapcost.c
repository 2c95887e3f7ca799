// SPDX-License-Identifier: MIT
/*
 * What one reading of the allocator's statistics costs while two threads
 * allocate and free, beside a heap of MB megabytes: snapcost SCALE [MB]
 */
#include "facility.h"

#define READS 2000
#define WARM 20
#define LIVE 2000

static atomic_bool stop;

static void *busy(void *arg)
{
	void *objs[LIVE] = {NULL};
	struct rng r;

	rng_seed(&r, (uintptr_t)arg);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		size_t at = rnd_below(&r, LIVE);

		free(objs[at]);
		objs[at] = take(rnd_size_log(&r, 4, 12));
	}
	for (int i = 0; i < LIVE; i++)
		free(objs[i]);
	return NULL;
}

/* @mb megabytes that stay, and one object in eight between them freed again. */
static void fill(size_t mb)
{
	void **holes = NULL, **next;
	size_t bytes = 0;
	struct rng r;

	rng_seed(&r, 1);
	for (unsigned int n = 0; bytes < mb << 20; n++) {
		size_t size = rnd_size_log(&r, 6, 13);
		void **p = must(malloc(size));

		if (n % 8 == 0) {
			*p = holes;
			holes = p;
		} else {
			memset(p, 1, size);
			bytes += size;
		}
	}
	for (; holes; holes = next) {
		next = *holes;
		free(holes);
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* At most @limit_s seconds: some readings take a second each on a large heap. */
static void measure(const struct facility *f, size_t reads, double limit_s)
{
	static uint64_t ns[READS + WARM];
	uint64_t begin = now_ns();
	size_t n = 0, warm;
	char name[64];

	while (n < reads + WARM) {
		uint64_t start = now_ns();

		f->read();
		ns[n++] = now_ns() - start;
		if ((double)(now_ns() - begin) / 1e9 > limit_s)
			break;
	}
	warm = n > 2 * WARM ? WARM : 0;
	qsort(ns + warm, n - warm, sizeof(*ns), by_value);
	snprintf(name, sizeof(name), "%s.median", f->name);
	put(name, (double)ns[warm + (n - warm) / 2] / 1e3, "us");
	snprintf(name, sizeof(name), "%s.p10", f->name);
	put(name, (double)ns[warm + (n - warm) / 10] / 1e3, "us");
	snprintf(name, sizeof(name), "%s.p99", f->name);
	put(name, (double)ns[warm + (n - warm) * 99 / 100] / 1e3, "us");
}

int main(int argc, char **argv)
{
	double scale = arg_scale(argc, argv);
	size_t mb = scaled(scale < 1 ? scale : 1, arg_num(argc, argv, 2, 100));
	struct facility f[8];
	pthread_t threads[2];
	int n;

	n = find_facilities(f);
	fill(mb);
	put("heap", rss_kb() / 1024, "MB");
	for (uintptr_t i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, busy, (void *)i))
			die("bench: pthread_create");
	sleep_ms(50);
	for (int i = 0; i < n; i++)
		measure(&f[i], scaled(scale < 1 ? scale : 1, READS), 4 * scale);
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < n; i++) {
		struct facility quiet = f[i];
		char name[64];

		snprintf(name, sizeof(name), "quiet.%s", f[i].name);
		quiet.name = name;
		measure(&quiet, scaled(scale < 1 ? scale : 1, READS / 4), 2 * scale);
	}
	_exit(0); /* a heap of gigabytes need not be taken down */
}
