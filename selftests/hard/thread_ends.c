// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: prof LANE_CONF=prof_rate:1k,guard_rate:3 QUICK=1
/*
 * Threads end in all ways: by the thousand in turn, joined and detached, with the smallest
 * stack there is, by pthread_exit() in the midst, with destructors of keys that allocate in
 * every round. Nothing of them stays: no memory, no descriptor, no object.
 */
#include "hard.h"

static pthread_key_t keys[8];
static _Atomic int destroyed, ended;

static void *few_objects(uint64_t rng)
{
	void *p[8];

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		size_t size = ksft_random(&rng) % (i == 7 ? KIB(100) : 3000);

		p[i] = get(size);
		pattern_fill(p[i], size < 3000 ? size : 3000, i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	return NULL;
}

static void *short_life(void *arg)
{
	few_objects((uintptr_t)arg * 2654435761u | 1);
	atomic_fetch_add(&ended, 1);
	if ((uintptr_t)arg & 1)
		pthread_exit(NULL);
	return NULL;
}

/* Half joined and half detached. Of the detached no more than 50 at a time. */
static void churn(int threads)
{
	pthread_attr_t detached, joined;
	int before = atomic_load(&ended);

	pthread_attr_init(&joined);
	pthread_attr_setstacksize(&joined, (size_t)sysconf(_SC_THREAD_STACK_MIN) + KIB(16));
	detached = joined;
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < threads; i += 2) {
		pthread_t t, u;
		int err;

		if (pthread_create(&t, &joined, short_life, (void *)(uintptr_t)(i + 1)))
			ksft_exit_fail_msg("pthread_create: %s", strerror(errno));
		do /* the kernel is not done with those that have ended */
			err = pthread_create(&u, &detached, short_life, (void *)(uintptr_t)(i / 2));
		while (err == EAGAIN && usleep(1000) == 0);
		pthread_join(t, NULL);
		while (i - (atomic_load(&ended) - before) > 50)
			sched_yield();
	}
	while (atomic_load(&ended) - before < threads)
		usleep(1000);
}

static bool churn_leaves_nothing(int threads)
{
	static struct snap snap;
	uint64_t live, mapped;
	int fds = count_fds();

	churn(threads / 4);
	usleep(50000); /* the last ones' descriptors are freed by the C library */
	snap_read(&snap);
	live = snap.st.live_objects;
	mapped = snap.st.mapped;
	churn(threads);
	for (int i = 0; i < 1000 && snap.st.live_objects > live; i++) {
		usleep(1000);
		snap_read(&snap);
	}
	ksft_print_msg("%d threads: live %llu -> %llu, mapped %llu -> %llu", threads,
		       (unsigned long long)live, (unsigned long long)snap.st.live_objects,
		       (unsigned long long)mapped, (unsigned long long)snap.st.mapped);
	return snap.st.live_objects <= live && snap.st.mapped <= mapped + MIB(4) && fds_are(fds);
}

/* The value counts rounds. In one of them the thread asks to end once more. */
static void destroy(void *value)
{
	size_t *p = value, round = p[0], key = p[1];

	atomic_fetch_add(&destroyed, 1);
	few_objects(round * 31 + key + 1);
	p = realloc(p, 2000);
	if (round + 1 < PTHREAD_DESTRUCTOR_ITERATIONS) {
		p[0] = round + 1;
		pthread_setspecific(keys[key], p);
	} else {
		put(p);
	}
}

static void *leave_keys(void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t *p = get(2 * sizeof(*p));

		p[0] = 0;
		p[1] = i;
		pthread_setspecific(keys[i], p);
	}
	if (arg)
		pthread_exit(arg);
	return NULL;
}

static bool all_rounds(int threads)
{
	static struct snap snap;
	uint64_t live;
	pthread_t t;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		pthread_key_create(&keys[i], destroy);
	start_thread(&t, leave_keys, &t);
	pthread_join(t, NULL);
	snap_read(&snap);
	live = snap.st.live_objects;
	for (int i = 1; i < threads; i++) {
		start_thread(&t, leave_keys, i & 1 ? &t : NULL);
		pthread_join(t, NULL);
	}
	snap_read(&snap);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		pthread_key_delete(keys[i]);
	return destroyed == threads * PTHREAD_DESTRUCTOR_ITERATIONS * (int)ARRAY_SIZE(keys) &&
	       snap.st.live_objects <= live;
}

/* All slow paths there are, on the smallest stack. */
static void *all_paths(void *arg)
{
	static const size_t sizes[] = {1, 100, 1000, 8000, KIB(32), KIB(33), MIB(1), MIB(5)};
	void *p[64];

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(p); k++)
			p[k] = get(sizes[i]);
		for (size_t k = 0; k < ARRAY_SIZE(p); k++)
			put(p[k]);
		p[0] = opaque(realloc(get(sizes[i]), opaque_size(sizes[i] * 3)));
		p[1] = opaque(calloc(sizes[i], 1));
		p[2] = opaque(memalign(KIB(8), sizes[i]));
		for (size_t k = 0; k < 3; k++)
			put(p[k]);
	}
	lane_release(SIZE_MAX);
	atomic_fetch_add(&ended, 1);
	return NULL;
}

static bool smallest_stack(void)
{
	int before = atomic_load(&ended);
	pthread_attr_t attr;
	pthread_t t[4];

	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, (size_t)sysconf(_SC_THREAD_STACK_MIN)))
		return false;
	for (int round = 0; round < 10; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			if (pthread_create(&t[i], &attr, all_paths, NULL))
				return false;
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			pthread_join(t[i], NULL);
	}
	return atomic_load(&ended) == before + 40;
}

int main(void)
{
	const char *many = getenv("HARD_SECONDS"); /* any: the long form */

	ksft_print_header();
	ksft_set_plan(4);
	ksft_test_result(churn_leaves_nothing(many	     ? 100000
					      : ksft_quick() ? 3000
							     : 10000),
			 "threads in turn leave no memory, object or descriptor");
	ksft_test_result(all_rounds(ksft_quick() ? 100 : 500),
			 "destructors of keys allocate in all %d rounds",
			 PTHREAD_DESTRUCTOR_ITERATIONS);
	ksft_test_result(smallest_stack(), "malloc needs no more than the smallest stack");
	ksft_test_result(books_are_exact(), "the books are exact");
	ksft_finished();
}
