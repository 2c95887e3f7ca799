// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: check LANE_CONF=check:full QUICK=1
/*
 * Threads are cancelled, exit and run destructors in the middle of their
 * allocating; the others and the books are unharmed.
 */
#include "snapshot.h"

static struct snap snap;
static pthread_key_t key;
static _Atomic int destroyed;

/* Runs three times a thread, each time with an object of the round before. */
static void destroy(void *value)
{
	size_t *p = value;
	size_t round = *p;

	atomic_fetch_add(&destroyed, 1);
	put(p);
	for (size_t size = 1; size < KIB(400); size *= 5)
		put(get(size));
	if (round < 2) {
		p = get(64);
		*p = round + 1;
		pthread_setspecific(key, p);
	}
}

static void *leave_with_key(void *arg)
{
	size_t *p = get(64);

	*p = 0;
	pthread_setspecific(key, p);
	if (arg)
		pthread_exit(NULL);
	return NULL;
}

static bool keys_are_destroyed(void)
{
	const int threads = 500;
	pthread_t t;

	for (int i = 0; i < threads; i++) {
		start_thread(&t, leave_with_key, i & 1 ? &t : NULL);
		pthread_join(t, NULL);
	}
	return destroyed == 3 * threads;
}

static void *allocate_for_ever(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	int old;

	/* Deferred: malloc itself has no cancellation point. */
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	for (;;) {
		void *p = get(random_size(&rng) % KIB(300));

		put(p);
		pthread_testcancel();
	}
	return NULL;
}

static bool cancelled_lose_nothing(uint64_t *rng)
{
	int rounds = ksft_quick() ? 60 : 300;
	uint64_t live;
	pthread_t t[4];
	bool good = true;

	start_thread(&t[0], allocate_for_ever, (void *)1);
	pthread_cancel(t[0]);
	pthread_join(t[0], NULL);
	snap_read(&snap);
	live = snap.st.live_objects;
	for (int i = 0; i < rounds; i++) {
		void *ret;

		for (size_t j = 0; j < ARRAY_SIZE(t); j++)
			start_thread(&t[j], allocate_for_ever,
				     (void *)(uintptr_t)(ksft_random(rng) | 1));
		if (i % 2)
			usleep(ksft_random(rng) % 500);
		for (size_t j = 0; j < ARRAY_SIZE(t); j++)
			pthread_cancel(t[j]);
		for (size_t j = 0; j < ARRAY_SIZE(t); j++) {
			pthread_join(t[j], &ret);
			good &= ret == PTHREAD_CANCELED;
		}
	}
	snap_read(&snap);
	ksft_print_msg("live %llu before, %llu after", (unsigned long long)live,
		       (unsigned long long)snap.st.live_objects);
	return good && snap.st.live_objects <= live + 8 && snap_good(&snap);
}

/* A thread dies at once while its objects live on in another. */
static void *leave_object(void *arg)
{
	void **out = arg;

	*out = get(1000);
	pattern_fill(*out, 1000, 5);
	return NULL;
}

static bool objects_outlive_threads(void)
{
	void *p[300];
	pthread_t t;
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		start_thread(&t, leave_object, &p[i]);
		pthread_join(t, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		good &= pattern_holds(p[i], 1000, 5);
		put(p[i]);
	}
	return good;
}

int main(void)
{
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(3);
	rng = ksft_seed() | 1;
	pthread_key_create(&key, destroy);
	ksft_test_result(keys_are_destroyed(), "destructors of keys allocate and free");
	ksft_test_result(cancelled_lose_nothing(&rng), "cancelled threads lose nothing");
	ksft_test_result(objects_outlive_threads(), "objects outlive the thread that made them");
	ksft_finished();
}
