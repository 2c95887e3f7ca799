/* SPDX-License-Identifier: MIT */
/*
 * load.h - threads that allocate, check, pass on and free, and count exactly
 * what they do; they can be paused, so that the books are compared while all
 * is quiet.
 *
 * Every object is filled from a stamp of its own and checked before it is
 * freed: had an object two owners, one of them would find the other's.
 */
#ifndef LANE_RSEQ_LOAD_H
#define LANE_RSEQ_LOAD_H

#include "../unit/unit.h"

#include "lanes.h"

#define LOAD_THREADS 4
#define LOAD_HELD 160
#define LOAD_SHARED 64
#define LOAD_BATCH 48

struct load_worker {
	pthread_t thread;
	pid_t tid;
	uint64_t rng;
	void *held[LOAD_HELD];
	void (*between)(uint64_t r); /* called between operations */
};

static struct load_worker load_workers[LOAD_THREADS];
static void *_Atomic load_shared[LOAD_SHARED];
static _Atomic bool load_stop, load_pausing;
static pthread_barrier_t load_quiet, load_go;
static _Atomic uint64_t load_mallocs, load_frees, load_broken;
/* An object of this thread's, for a signal handler to take. */
static __thread void *_Atomic load_spare;
static const uint32_t load_sizes[] = {24, 200, 1500};

static __thread uint64_t load_stamps;

/* The first word is the stamp, with the size in its low bits. */
static inline void *load_get(uint32_t size)
{
	uint64_t *p = lane_malloc(size), stamp;

	if (!p)
		ksft_exit_fail_msg("no memory");
	atomic_fetch_add(&load_mallocs, 1);
	if (!load_stamps)
		load_stamps = (uint64_t)(uintptr_t)&load_stamps << 20;
	stamp = (load_stamps += 1 << 16) | size;
	p[0] = stamp;
	pattern_fill(p + 1, size - 8, stamp);
	return p;
}

static inline void load_put(void *p)
{
	uint64_t stamp;

	if (!p)
		return;
	memcpy(&stamp, p, 8);
	if (!pattern_holds((char *)p + 8, (stamp & 0xffff) - 8, stamp))
		atomic_fetch_add(&load_broken, 1);
	/* Whoever gets it next writes another stamp; a second owner would see none. */
	memset(p, 0xee, 8);
	lane_free(p);
	atomic_fetch_add(&load_frees, 1);
}

static inline void load_step(struct load_worker *w)
{
	uint64_t r = ksft_random(&w->rng);
	uint32_t size = load_sizes[(r >> 32) % ARRAY_SIZE(load_sizes)];
	void **p = &w->held[(r >> 40) % LOAD_HELD];

	if (r % 64 == 0) { /* a batch each way, so that blocks run full and empty */
		void *batch[LOAD_BATCH];

		for (int i = 0; i < LOAD_BATCH; i++)
			batch[i] = load_get(size);
		for (int i = 0; i < LOAD_BATCH; i++)
			load_put(batch[i]);
	} else if (r % 8 == 0) {
		*p = atomic_exchange(&load_shared[(r >> 50) % LOAD_SHARED], *p);
	} else if (r % 8 == 1) {
		load_put(atomic_exchange(&load_spare, load_get(size)));
	} else {
		load_put(*p);
		*p = r % 4 == 2 ? NULL : load_get(size);
	}
	if (w->between)
		w->between(ksft_random(&w->rng));
}

/* Signals wait, too: their handlers allocate. */
static inline void load_rest(void)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	load_put(atomic_exchange(&load_spare, NULL));
	pthread_barrier_wait(&load_quiet);
	pthread_barrier_wait(&load_go);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static inline void *load_run(void *arg)
{
	struct load_worker *w = arg;

	w->tid = gettid();
	while (!atomic_load(&load_stop)) {
		if (atomic_load(&load_pausing)) {
			load_rest();
			continue;
		}
		load_step(w);
	}
	load_put(atomic_exchange(&load_spare, NULL));
	for (int i = 0; i < LOAD_HELD; i++)
		load_put(w->held[i]);
	return NULL;
}

static inline void load_start(uint64_t *rng, void (*between)(uint64_t))
{
	pthread_barrier_init(&load_quiet, NULL, LOAD_THREADS + 1);
	pthread_barrier_init(&load_go, NULL, LOAD_THREADS + 1);
	for (int i = 0; i < LOAD_THREADS; i++) {
		struct load_worker *w = &load_workers[i];

		w->rng = ksft_random(rng) | 1;
		w->between = between;
		start_thread(&w->thread, load_run, w);
	}
}

static inline void load_join(void)
{
	atomic_store(&load_stop, true);
	for (int i = 0; i < LOAD_THREADS; i++)
		pthread_join(load_workers[i].thread, NULL);
	for (int i = 0; i < LOAD_SHARED; i++)
		load_put(atomic_exchange(&load_shared[i], NULL));
}

/* What is counted is what was done, books and walk agree, all patterns held. */
static inline bool load_right(void)
{
	static struct snap snap;
	bool same = unit_books_right() && snap_read(&snap) == 0 &&
		    snap.st.mallocs == load_mallocs && snap.st.frees == load_frees &&
		    load_broken == 0;

	if (!same)
		ksft_print_msg("mallocs %llu counted %llu, frees %llu counted %llu, %llu broken",
			       (unsigned long long)load_mallocs,
			       (unsigned long long)snap.st.mallocs, (unsigned long long)load_frees,
			       (unsigned long long)snap.st.frees, (unsigned long long)load_broken);
	return same;
}

/* Pause all threads, compare, go on. */
static inline bool load_check(void)
{
	bool right;

	atomic_store(&load_pausing, true);
	pthread_barrier_wait(&load_quiet);
	right = load_right();
	atomic_store(&load_pausing, false);
	pthread_barrier_wait(&load_go);
	return right;
}

#endif /* LANE_RSEQ_LOAD_H */
