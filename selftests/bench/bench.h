/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the benchmark programs share: a clock, a generator, sinks
 * that the optimiser respects, memory figures and threads that start as one.
 *
 * Every program does a fixed amount of work, `work * scale`, with scale its
 * first argument, and prints lines `name value unit`. It uses the standard
 * allocation functions alone; the allocator under test is preloaded.
 */
#ifndef LANE_BENCH_H
#define LANE_BENCH_H

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 512
#define SIZES 4096 /* entries of a size table, a power of two */

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline void sleep_ms(unsigned int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&ts, &ts))
		;
}

struct rng {
	uint64_t s;
};

static inline void rng_seed(struct rng *r, uint64_t seed)
{
	r->s = (seed + 1) * 0x9e3779b97f4a7c15u;
}

/* xorshift64*, the high half. */
static inline uint32_t rnd(struct rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return (uint32_t)((r->s * 0x2545f4914f6cdd1du) >> 32);
}

static inline uint32_t rnd_below(struct rng *r, uint32_t n)
{
	return (uint32_t)(((uint64_t)rnd(r) * n) >> 32);
}

/* Sizes of one magnitude each: about as many in 16..31 as in 16K..32K. */
static inline size_t rnd_size_log(struct rng *r, unsigned int lo_bits, unsigned int hi_bits)
{
	size_t base = (size_t)1 << (lo_bits + rnd_below(r, hi_bits - lo_bits));

	return base + rnd_below(r, (uint32_t)base);
}

/* The optimiser must take @p for used, so no malloc/free pair can vanish. */
static inline void *keep(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static inline void die(const char *what)
{
	(void)!write(2, what, strlen(what));
	(void)!write(2, "\n", 1);
	_exit(1);
}

static inline void *must(void *p)
{
	if (!p)
		die("bench: out of memory");
	return keep(p);
}

/*
 * malloc and a first write to each page, as any program does: memory that is
 * asked for and never used would make resident sizes look smaller than life.
 */
static inline void *take(size_t size)
{
	char *p = must(malloc(size));

	*p = 1;
	for (size_t i = 4096; i < size; i += 4096)
		p[i] = 1;
	return p;
}

/* Not stdio: its buffer would be one more allocation. */
static inline void put(const char *name, double value, const char *unit)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%s %.6g %s\n", name, value, unit);

	(void)!write(1, line, (size_t)len);
}

static inline double file_kb(const char *path, const char *key)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	const char *at;

	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return -1;
	buf[len] = 0;
	at = strstr(buf, key);
	return at ? strtod(at + strlen(key), NULL) : -1;
}

/* smaps_rollup counts the page tables; the counters behind status may lag. */
static inline double rss_kb(void)
{
	return file_kb("/proc/self/smaps_rollup", "\nRss:");
}

static inline double peak_kb(void)
{
	return file_kb("/proc/self/status", "\nVmHWM:");
}

static inline double arg_scale(int argc, char **argv)
{
	double scale = argc > 1 ? strtod(argv[1], NULL) : 1;

	return scale > 0 ? scale : 1;
}

static inline size_t arg_num(int argc, char **argv, int i, size_t otherwise)
{
	return argc > i ? strtoul(argv[i], NULL, 0) : otherwise;
}

static inline size_t scaled(double scale, size_t work)
{
	size_t n = (size_t)((double)work * scale);

	return n ? n : 1;
}

struct crew {
	pthread_barrier_t gate;
	void (*fn)(unsigned int id, void *arg);
	void *arg;
};

struct crew_member {
	struct crew *crew;
	unsigned int id;
	uint64_t start, end;
};

static inline void *crew_main(void *arg)
{
	struct crew_member *m = arg;

	pthread_barrier_wait(&m->crew->gate);
	m->start = now_ns();
	m->crew->fn(m->id, m->crew->arg);
	m->end = now_ns();
	return NULL;
}

/* Run fn in @n threads; the time from the first start to the last end. */
static inline uint64_t run_threads(unsigned int n, void (*fn)(unsigned int, void *), void *arg)
{
	static struct crew_member members[MAX_THREADS];
	static pthread_t threads[MAX_THREADS];
	struct crew crew = {.fn = fn, .arg = arg};
	uint64_t first = UINT64_MAX, last = 0;

	if (n > MAX_THREADS)
		die("bench: too many threads");
	pthread_barrier_init(&crew.gate, NULL, n);
	for (unsigned int i = 0; i < n; i++) {
		members[i] = (struct crew_member){.crew = &crew, .id = i};
		if (pthread_create(&threads[i], NULL, crew_main, &members[i]))
			die("bench: pthread_create");
	}
	for (unsigned int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		first = members[i].start < first ? members[i].start : first;
		last = members[i].end > last ? members[i].end : last;
	}
	pthread_barrier_destroy(&crew.gate);
	return last - first;
}

/*
 * The figures that most programs end with; @ops over all threads. CPU time is
 * that of the whole process: less exact, but blind to what others run.
 */
static inline void put_result(uint64_t ns, double ops)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	put("cpu_ns_per_op", ((double)ts.tv_sec * 1e9 + (double)ts.tv_nsec) / ops, "ns");
	put("time", (double)ns / 1e9, "s");
	put("ns_per_op", (double)ns / ops, "ns");
	put("peak_rss", peak_kb(), "kB");
}

#endif /* LANE_BENCH_H */
