// SPDX-License-Identifier: MIT
/*
 * A server of requests on tables that stay; see table.h.
 * server MB closed|paced SECONDS HISTOGRAM [THREADS]
 *
 * closed: each thread serves one request after the other. paced: 20 requests
 * fall due at each tick of a millisecond; a request's time counts from its
 * tick, also where the thread came late to it. HISTOGRAM is a file that gets
 * the times of all requests. When no collection has begun after 60% of the
 * time, one is asked for, so that each run has one in it.
 *
 * Before the time begins, requests are served until two collections have ended since the tables
 * were filled (the first may have begun before), or for as long as it takes: so the
 * heap has grown to its size. Memory that is new to the process costs what the machine
 * makes of it, which is milliseconds for 2 MiB where a host has to back it.
 */
#include "heap.h"
#include "hist.h"
#include "table.h"

#define TICK_NS 1000000
#define PER_TICK 20
#define MOST_THREADS 16

struct server {
	size_t bytes; /* of each thread's table */
	bool paced;
	uint64_t ns;			/* to serve for */
	_Atomic uint64_t start;		/* 0: not yet */
	_Atomic uint32_t filled;	/* threads */
	_Atomic uint32_t ready, served; /* threads */
	_Atomic bool grown;		/* the heap has its size */
	_Atomic bool over;		/* the figures are taken */
	uint64_t fill_ns[MOST_THREADS];
	struct hist hist[MOST_THREADS];
};

static struct server server;

static void closed(struct table *t, struct hist *h, uint64_t end)
{
	uint64_t before = now_ns(), now;

	while (before < end) {
		table_request(t);
		now = now_ns();
		hist_add(h, now - before);
		before = now;
	}
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000),
			      .tv_nsec = (long)(ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
}

static void paced(struct table *t, struct hist *h, uint64_t start, uint64_t end)
{
	for (uint64_t tick = start; tick < end; tick += TICK_NS) {
		if (now_ns() < tick)
			sleep_until(tick);
		for (int i = 0; i < PER_TICK; i++) {
			table_request(t);
			hist_add(h, now_ns() - tick);
		}
	}
}

static void work(unsigned int id, void *arg)
{
	struct server *s = arg;
	uint64_t start = now_ns();
	struct table t;

	hist_clear(&s->hist[id]);
	table_fill(&t, s->bytes, id);
	s->fill_ns[id] = now_ns() - start;
	atomic_fetch_add(&s->filled, 1);
	while (!atomic_load(&s->grown))
		table_request(&t);
	atomic_fetch_add(&s->ready, 1);
	while (!(start = atomic_load(&s->start)))
		sleep_ms(1);
	if (s->paced)
		paced(&t, &s->hist[id], start, start + s->ns);
	else
		closed(&t, &s->hist[id], start + s->ns);
	atomic_fetch_add(&s->served, 1);
	while (!atomic_load(&s->over))
		sleep_ms(1);
	table_check(&t);
	keep((void *)(uintptr_t)t.seen);
}

struct watch {
	unsigned int threads;
	uint64_t cycles;
	uint64_t fill_cpu, cpu; /* ns, of the process */
	double took;		/* s */
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Until the heap has its size; what is freed by hand has it at once. */
static void await_growth(unsigned int threads)
{
	uint64_t end = now_ns() + server.ns, cycles = heap_cycles();

	while (!HEAP_MANUAL && heap_cycles() < cycles + 2 && now_ns() < end)
		sleep_ms(10);
	atomic_store(&server.grown, true);
	while (atomic_load(&server.ready) < threads)
		sleep_ms(1);
}

/* Starts the measured time, and ends it before the tables are checked. */
static void *watch(void *arg)
{
	struct watch *w = arg;
	bool asked = false;
	uint64_t start, cpu;

	while (atomic_load(&server.filled) < w->threads)
		sleep_ms(1);
	put("rss_filled", rss_kb(), "kB");
	await_growth(w->threads);
	heap_window();
	w->cycles = heap_cycles();
	cpu = cpu_ns();
	start = now_ns();
	atomic_store(&server.start, start);
	while (atomic_load(&server.served) < w->threads) {
		sleep_ms(10);
		if (!asked && !HEAP_MANUAL && now_ns() - start > server.ns / 10 * 6) {
			asked = true;
			if (heap_cycles() == w->cycles) {
				heap_collect();
				put("gc.asked_for", 1, "count");
			}
		}
	}
	w->took = (double)(now_ns() - start) / 1e9;
	w->cpu = cpu_ns() - cpu;
	put("peak_rss", peak_kb(), "kB");
	put("steady_rss", rss_kb(), "kB");
	heap_figures();
	atomic_store(&server.over, true);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct hist all;
	struct watch w = {0};
	pthread_t watcher;
	uint64_t fill = 0;

	heap_start();
	if (argc < 5)
		die("usage: server MB closed|paced SECONDS HISTOGRAM [THREADS]");
	w.threads = (unsigned int)arg_num(argc, argv, 5, 2);
	if (!w.threads || w.threads > MOST_THREADS)
		die("server: 1 to 16 threads");
	server.bytes = arg_num(argc, argv, 1, 256) * 1000000 / w.threads;
	server.paced = !strcmp(argv[2], "paced");
	server.ns = (uint64_t)(strtod(argv[3], NULL) * 1e9);
	table_types();
	if (pthread_create(&watcher, NULL, watch, &w))
		die("server: pthread_create");
	run_threads(w.threads, work, &server);
	pthread_join(watcher, NULL);
	for (unsigned int i = 0; i < w.threads; i++) {
		hist_merge(&all, &server.hist[i]);
		fill = server.fill_ns[i] > fill ? server.fill_ns[i] : fill;
	}
	put("live", (double)server.bytes * w.threads / 1024, "kB");
	put("fill", (double)fill / 1e9, "s");
	put("requests", (double)all.n / w.took, "1/s");
	put("cpu_per_request", (double)w.cpu / 1e3 / (double)all.n, "us");
	put("cpu_share", (double)w.cpu / 1e9 / w.took / (double)sysconf(_SC_NPROCESSORS_ONLN),
	    "share");
	hist_put(&all, "latency");
	hist_save(&all, argv[4]);
	return 0;
}
