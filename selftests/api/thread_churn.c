// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: check LANE_CONF=check:full QUICK=1
/*
 * 100,000 short threads that allocate and free leave nothing behind: after
 * the first few thousand neither RSS, but for what a CPU comes to cache, nor
 * mapped grows.
 */
#include "snapshot.h"

static struct snap snap;

static size_t rss_bytes(void)
{
	size_t pages = 0, skip;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%zu %zu", &skip, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Half of the objects are freed by whoever comes next. */
static void *_Atomic hand_over;

static void *short_life(void *arg)
{
	uint64_t rng = (uintptr_t)arg * 2654435761u + 1;
	void *p[8];

	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = get(ksft_random(&rng) % 3000);
	for (size_t i = 1; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	put(atomic_exchange(&hand_over, p[0]));
	return NULL;
}

static void churn(int threads)
{
	enum { AT_ONCE = 4 };
	pthread_t t[AT_ONCE];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, KIB(64));
	for (int i = 0; i < threads; i += AT_ONCE) {
		for (int j = 0; j < AT_ONCE; j++)
			if (pthread_create(&t[j], &attr, short_life, (void *)(intptr_t)(i + j)))
				ksft_exit_fail_msg("pthread_create: %s", strerror(errno));
		for (int j = 0; j < AT_ONCE; j++)
			pthread_join(t[j], NULL);
		if (i % 20000 == 0)
			ksft_print_msg("%d threads", i);
	}
	pthread_attr_destroy(&attr);
}

int main(void)
{
	int threads = ksft_quick() ? 20000 : 100000;
	uint64_t live, mapped, rss;

	ksft_print_header();
	ksft_set_plan(4);
	churn(threads / 4);
	snap_read(&snap);
	live = snap.st.live_objects;
	mapped = snap.st.mapped;
	rss = rss_bytes();
	churn(threads);
	put(atomic_exchange(&hand_over, NULL));
	snap_read(&snap);
	ksft_print_msg("RSS %llu -> %zu, mapped %llu -> %llu", (unsigned long long)rss, rss_bytes(),
		       (unsigned long long)mapped, (unsigned long long)snap.st.mapped);
#ifdef SANITIZER
	ksft_test_result_skip("%s keeps memory of threads itself", SANITIZER);
#else
	ksft_test_result(rss_bytes() < rss + MIB(1) + KIB(512) * snap.st.nr_cpus,
			 "RSS does not grow");
#endif
	ksft_test_result(snap.st.mapped <= mapped + MIB(2), "mapped does not grow");
	ksft_test_result(snap.st.live_objects <= live, "no object is left");
	ksft_test_result(snap_good(&snap), "the identities hold");
	ksft_finished();
}
