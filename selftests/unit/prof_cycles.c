// SPDX-License-Identifier: MIT
/*
 * The profile of collected objects, cycle by cycle, beside threads that allocate,
 * free and sweep all the time. After each flush it holds exactly what belongs to it;
 * a reader that reads all along never sees use below zero, a free without its
 * allocation, or one site of a cycle and another of the next. Two broken twins,
 * sweeping counted late and no grace period, are found out.
 */
#include "unit.h"

#include <semaphore.h>

#include "prof.h"
#include "prof_arm.h"
#include "prof_cycle.h"

#define SITES 6
#define MUTATORS 2
#define BATCH 8
#define CYCLES (ksft_quick() ? 100 : 500)
#define SIZE (1 << 20) /* at the smallest rate certain to be sampled: each stands for itself */

static struct prof_stack stacks[SITES];
static _Atomic bool stop, done;
static pthread_barrier_t paused, resumed;
static _Atomic uint64_t negative, torn, reads;
static uint64_t next_address = 1 << 20;

/* What happened in the present cycle and the two before, by the test's own count, per site. */
static int64_t allocated[3], freed[3], swept[3];
static uint64_t now; /* the cycle */

/* Objects that each mutator left for the sweeper, per site. */
static uintptr_t garbage[2][MUTATORS][SITES][BATCH];
static uint64_t turn;

/* Of it at each site; not in each cycle as much, or no flush would change anything. */
static int batch(uint64_t turn_of)
{
	return 1 + (int)(turn_of * 5 % BATCH);
}

static uintptr_t fresh(void)
{
	return __atomic_fetch_add(&next_address, 16, __ATOMIC_RELAXED);
}

/* In each cycle: at each site as many objects; half of them freed, half left to be swept. */
static void *mutate(void *arg)
{
	uintptr_t id = (uintptr_t)arg;

	while (!stop) {
		for (int i = 0; i < batch(turn); i++) {
			for (int s = 0; s < SITES; s++) {
				uintptr_t a = fresh(), b = fresh();

				prof_gc_alloc((void *)a, SIZE, prof_rate(), &stacks[s]);
				prof_gc_alloc((void *)b, SIZE, prof_rate(), &stacks[s]);
				prof_gc_free((void *)a);
				garbage[turn % 2][id][s][i] = b;
			}
		}
		pthread_barrier_wait(&paused);
		pthread_barrier_wait(&resumed);
	}
	return NULL;
}

struct view {
	uint64_t inuse[SITES], alloc[SITES];
	int rows;
};

static void look(void *arg, const struct prof_site *s)
{
	struct view *v = arg;

	if (s->inuse_objects > s->alloc_objects || (int64_t)s->inuse_objects < 0 ||
	    s->raw_inuse_objects != s->inuse_objects || s->inuse_bytes != s->inuse_objects * SIZE)
		atomic_fetch_add(&negative, 1);
	for (int i = 0; i < SITES; i++) {
		if (s->depth == 2 && s->pc[1] == stacks[i].pc[1])
			v->inuse[i] = s->inuse_objects, v->alloc[i] = s->alloc_objects;
	}
	v->rows++;
}

static void *read_all_along(void *arg)
{
	(void)arg;
	while (!done) {
		/* From the first whole cycle on all sites had as much done to them. */
		bool whole = prof_cycle_published() >= PROF_CYCLE_WHOLE;
		struct view v = {0};

		prof_read(look, &v);
		if (whole) {
			for (int i = 1; i < SITES; i++) {
				if (v.inuse[i] != v.inuse[0] || v.alloc[i] != v.alloc[0])
					atomic_fetch_add(&torn, 1);
			}
		}
		atomic_fetch_add(&reads, 1);
	}
	return NULL;
}

/* Sweep what was garbage when the cycle began; the first object perhaps in a thread of its own. */
static sem_t held, go;
static __thread bool straggles;

static void *sweep_one(void *arg)
{
	straggles = true;
	prof_gc_swept(arg);
	return NULL;
}

static void hold(void)
{
	if (!straggles)
		return;
	sem_post(&held);
	sem_wait(&go);
}

static int sweep(bool hold_one, pthread_t *straggler)
{
	uint64_t old = (turn - 1) % 2;
	int n = 0;

	for (int m = 0; m < MUTATORS; m++) {
		for (int s = 0; s < SITES; s++) {
			for (int i = 0; i < batch(turn - 1); i++) {
				void *p = (void *)garbage[old][m][s][i];

				if (!hold_one || m || s || i) {
					prof_gc_swept(p);
					n++;
					continue;
				}
				start_thread(straggler, sweep_one, p);
				sem_wait(&held);
			}
		}
	}
	return n;
}

/* In the middle of a flush, so that a reader has time to see it. */
static void dawdle(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

static int64_t published_inuse(void)
{
	struct view v = {0};
	int64_t sum = 0;

	prof_read(look, &v);
	for (int i = 0; i < SITES; i++)
		sum += (int64_t)v.inuse[i];
	return sum;
}

/* One cycle: next, flush, sweep beside the mutators, compare. Returns the difference. */
static int64_t cycle(bool straggle)
{
	static int64_t expect;
	static pthread_t straggler;
	static bool straggling;
	int64_t late = 0;
	int64_t off;

	pthread_barrier_wait(&paused);
	allocated[now % 3] = 2 * MUTATORS * batch(turn) * SITES;
	freed[now % 3] = MUTATORS * batch(turn) * SITES;
	prof_cycle_next();
	now++;
	turn++;
	swept[now % 3] = 0;
	pthread_barrier_wait(&resumed);
	/* In this cycle: allocations and frees of two cycles ago, sweeping of the last one. */
	if (now >= 2)
		expect += allocated[(now - 2) % 3] - freed[(now - 2) % 3] - swept[(now - 1) % 3];
	prof_cycle_flush();
	off = now >= 2 ? published_inuse() - expect : 0;
	/* An event that began before this cycle, and is counted in it. */
	if (straggling) {
		sem_post(&go);
		pthread_join(straggler, NULL);
		late = 1;
	}
	straggling = straggle;
	swept[now % 3] = sweep(straggle, &straggler) + late;
	return off;
}

static bool exact(int cycles, bool straggle)
{
	int64_t worst = 0;

	for (int i = 0; i < cycles; i++) {
		int64_t off = cycle(straggle && i % 2 == 0 && i + 1 < cycles);

		worst = llabs(off) > worst ? llabs(off) : worst;
	}
	if (worst)
		ksft_print_msg("the profile was up to %lld objects off", (long long)worst);
	return worst == 0;
}

int main(void)
{
	pthread_t mutator[MUTATORS], reader;

	ksft_print_header();
	ksft_set_plan(6);
	lane_free(lane_malloc(1));
	prof_set_rate(PROF_RATE_MIN);
	sem_init(&held, 0, 0);
	sem_init(&go, 0, 0);
	for (int i = 0; i < SITES; i++)
		stacks[i] = (struct prof_stack){.depth = 2, .pc = {0x1000, 0x2000 + (uintptr_t)i}};
	pthread_barrier_init(&paused, NULL, MUTATORS + 1);
	pthread_barrier_init(&resumed, NULL, MUTATORS + 1);
	turn = 2;
	prof_cycle_test.loaded = hold;
	prof_cycle_test.between_sites = dawdle;
	for (uintptr_t i = 0; i < MUTATORS; i++)
		start_thread(&mutator[i], mutate, (void *)i);
	start_thread(&reader, read_all_along, NULL);
	ksft_test_result(exact(CYCLES, false), "%d cycles: each flush publishes its own", CYCLES);
	ksft_test_result(negative == 0, "no use below zero, no free without its allocation");
	ksft_test_result(torn == 0, "no half of a flush in %llu reads", (unsigned long long)reads);
	WRITE_ONCE(prof_cycle_test.swept_late, true);
	ksft_test_result(!exact(6, false), "sweeping counted a cycle late is found out");
	WRITE_ONCE(prof_cycle_test.swept_late, false);
	exact(6, false);
	ksft_test_result(exact(20, true), "events that a flush overtakes fall into the next cycle");
	WRITE_ONCE(prof_cycle_test.early, true);
	ksft_test_result(!exact(8, true), "events without a grace period are found out");
	done = true;
	pthread_join(reader, NULL);
	ksft_finished();
}
