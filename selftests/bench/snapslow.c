// SPDX-License-Identifier: MIT
/*
 * Whether readers slow the others down. Two threads allocate and free. By
 * turns of 100 ms a third thread sleeps, wakes 100 times a second for
 * nothing, or wakes 100 times a second and reads the statistics.
 * snapslow SCALE [MB of heap]
 *
 * slowdown.wall: rate with idle wake-ups / rate with readings; what the two
 * threads lose, the CPU time of the reader included.
 * slowdown.cpu: the same per CPU second of the two threads alone.
 */
#include "facility.h"

#define LIVE 2000
#define TURN_MS 100
#define TICK_MS 10
#define MAX_ROUNDS 1000

enum turn {
	ASLEEP,
	WAKING,
	READING,
	TURNS,
};

struct worker {
	_Atomic uint64_t ops, cpu_ns;
	char pad[112];
};

static struct worker workers[2];
static atomic_bool stop;

static void *busy(void *arg)
{
	struct worker *me = arg;
	void *objs[LIVE] = {NULL};
	struct timespec ts;
	uint64_t ops = 0;
	struct rng r;

	rng_seed(&r, (uint64_t)(me - workers));
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		size_t at = rnd_below(&r, LIVE);

		free(objs[at]);
		objs[at] = take(rnd_size_log(&r, 4, 12));
		if (++ops % 4096)
			continue;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
		atomic_store_explicit(&me->cpu_ns,
				      (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec,
				      memory_order_relaxed);
		atomic_store_explicit(&me->ops, ops, memory_order_relaxed);
	}
	return NULL;
}

struct sum {
	double ops, cpu, wall;
};

static struct sum progress(void)
{
	struct sum s = {.wall = (double)now_ns()};

	for (int i = 0; i < 2; i++) {
		s.ops += (double)atomic_load(&workers[i].ops);
		s.cpu += (double)atomic_load(&workers[i].cpu_ns);
	}
	return s;
}

static struct sum take_turn(enum turn turn, const struct facility *f)
{
	struct sum from = progress(), to;

	if (turn == ASLEEP) {
		sleep_ms(TURN_MS);
	} else {
		for (int i = 0; i < TURN_MS / TICK_MS; i++) {
			sleep_ms(TICK_MS);
			if (turn == READING)
				f->read();
		}
	}
	to = progress();
	return (struct sum){to.ops - from.ops, to.cpu - from.cpu, to.wall - from.wall};
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void put_median(const struct facility *f, const char *what, double *values, size_t n)
{
	char name[64];

	qsort(values, n, sizeof(*values), by_value);
	snprintf(name, sizeof(name), "%s.%s", f->name, what);
	put(name, values[n / 2], "ratio");
}

/* A ratio for each round, since neighbouring turns see the same machine. */
static void measure(const struct facility *f, size_t rounds)
{
	static double wall[MAX_ROUNDS], cpu[MAX_ROUNDS], wakeups[MAX_ROUNDS];

	for (size_t n = 0; n < rounds; n++) {
		struct sum t[TURNS];

		for (size_t i = 0; i < TURNS; i++)
			t[(n + i) % TURNS] = take_turn((enum turn)((n + i) % TURNS), f);
		wall[n] = (t[WAKING].ops / t[WAKING].wall) / (t[READING].ops / t[READING].wall);
		cpu[n] = (t[WAKING].ops / t[WAKING].cpu) / (t[READING].ops / t[READING].cpu);
		wakeups[n] = (t[ASLEEP].ops / t[ASLEEP].wall) / (t[WAKING].ops / t[WAKING].wall);
	}
	put_median(f, "slowdown.wall", wall, rounds);
	put_median(f, "slowdown.cpu", cpu, rounds);
	put_median(f, "wakeups.wall", wakeups, rounds);
}

int main(int argc, char **argv)
{
	size_t bytes = 0, mb = arg_num(argc, argv, 2, 200);
	size_t rounds = scaled(arg_scale(argc, argv), 15);
	struct facility f[8];
	pthread_t threads[2];
	struct rng r;
	int n;

	if (rounds > MAX_ROUNDS)
		die("snapslow: too much");
	n = find_facilities(f);
	rng_seed(&r, 1);
	while (bytes < mb << 20) {
		size_t size = rnd_size_log(&r, 6, 13);

		take(size);
		bytes += size;
	}
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, busy, &workers[i]))
			die("bench: pthread_create");
	sleep_ms(100);
	for (int i = 0; i < n; i++)
		measure(&f[i], rounds);
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}
