// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * A thread may call any function of Lane first, on any CPU: free, realloc,
 * malloc_usable_size, the statistics. Nothing needs a set-up of its own.
 */
#include "snapshot.h"

static struct snap snap;

static void *free_it(void *p)
{
	free(p);
	return NULL;
}

static void *realloc_it(void *p)
{
	return opaque(realloc(p, opaque_size(3000)));
}

static void *read_it(void *p)
{
	snap_read(&snap);
	return p;
}

static void *release_it(void *p)
{
	lane_release(SIZE_MAX);
	return p;
}

static void *render_it(void *p)
{
	char text[64];

	lane_proc_read("heapinfo", text, sizeof(text));
	return p;
}

static void *run_first(void *(*fn)(void *), size_t size)
{
	void *p = get(size), *ret;
	pthread_t t;

	memset(p, 0x3c, size);
	start_thread(&t, fn, p);
	pthread_join(t, &ret);
	return ret;
}

/* What libpthread allocates for a first thread must not count as the test's. */
static void warm_up(void)
{
	for (int i = 0; i < 4; i++)
		put(run_first(read_it, 10));
}

static bool first_is(void *(*fn)(void *))
{
	static const size_t sizes[] = {1, 16, 300, 4096, KIB(60), KIB(400), MIB(5)};
	uint64_t live;
	bool good = true;

	snap_read(&snap);
	live = snap.st.live_objects;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned char *p = run_first(fn, sizes[i]);

		if (fn != free_it) {
			good &= p && p[0] == 0x3c;
			put(p);
		}
	}
	snap_read(&snap);
	return good && snap.st.live_objects == live && snap_good(&snap);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(5);
	warm_up();
	ksft_test_result(first_is(free_it), "free");
	ksft_test_result(first_is(realloc_it), "realloc");
	ksft_test_result(first_is(read_it), "lane_stats_read");
	ksft_test_result(first_is(release_it), "lane_release");
	ksft_test_result(first_is(render_it), "lane_proc_read");
	ksft_finished();
}
