// SPDX-License-Identifier: MIT
/*
 * What reading the heap's statistics costs the reader, and the threads that
 * allocate meanwhile: statistics MB SECONDS [PER_SECOND]
 *
 * Two threads serve requests on tables of MB megabytes; see table.h. A third
 * reads, PER_SECOND times a second, for SECONDS with each facility and with
 * none, in turns. The longest request of a thread is the longest stop it had.
 */
#include "heap.h"
#include "hist.h"
#include "table.h"

#define THREADS 2
#define FACILITIES 8
#define TURNS 5

struct phase {
	struct hist reading, request[THREADS];
	uint64_t ns;
};

static size_t table_bytes;
static _Atomic uint32_t filled;
static _Atomic int now_in; /* the phase; -1: end */
static struct phase phases[FACILITIES + 1];

static void work(unsigned int id)
{
	uint64_t before, now;
	struct table t;
	int phase;

	table_fill(&t, table_bytes, id);
	atomic_fetch_add(&filled, 1);
	before = now_ns();
	while ((phase = atomic_load_explicit(&now_in, memory_order_relaxed)) >= 0) {
		table_request(&t);
		now = now_ns();
		hist_add(&phases[phase].request[id], now - before);
		before = now;
	}
	table_check(&t);
}

static void nothing(void)
{
}

static void read_for(struct phase *p, void (*read)(void), uint64_t ns, uint64_t interval)
{
	uint64_t begin = now_ns();

	while (now_ns() - begin < ns) {
		struct timespec ts = {.tv_nsec = (long)interval};
		uint64_t start;

		nanosleep(&ts, NULL);
		start = now_ns();
		read();
		hist_add(&p->reading, now_ns() - start);
	}
	p->ns += now_ns() - begin;
}

static void put_phase(struct phase *p, const char *name)
{
	static struct hist requests;
	char text[96];

	hist_clear(&requests);
	for (int i = 0; i < THREADS; i++)
		hist_merge(&requests, &p->request[i]);
	snprintf(text, sizeof(text), "%s.reading", name);
	hist_put(&p->reading, text);
	snprintf(text, sizeof(text), "%s.request", name);
	hist_put(&requests, text);
	snprintf(text, sizeof(text), "%s.requests", name);
	put(text, (double)requests.n / ((double)p->ns / 1e9), "1/s");
}

static void reader(double seconds, uint64_t interval)
{
	uint64_t ns = (uint64_t)(seconds * 1e9) / TURNS;

	while (atomic_load(&filled) < THREADS)
		sleep_ms(1);
	put("rss_filled", rss_kb(), "kB");
	heap_window();
	for (int turn = 0; turn < TURNS; turn++) {
		atomic_store(&now_in, 0);
		read_for(&phases[0], nothing, ns, interval);
		for (int i = 0; heap_readers[i].name && i < FACILITIES; i++) {
			atomic_store(&now_in, i + 1);
			read_for(&phases[i + 1], heap_readers[i].read, ns, interval);
		}
	}
	atomic_store(&now_in, -1);
}

static double seconds;
static uint64_t interval;

/* The last thread reads. */
static void each(unsigned int id, void *arg)
{
	(void)arg;
	if (id == THREADS)
		reader(seconds, interval);
	else
		work(id);
}

int main(int argc, char **argv)
{
	heap_start();
	table_bytes = arg_num(argc, argv, 1, 256) * 1000000 / THREADS;
	seconds = argc > 2 ? strtod(argv[2], NULL) : 5;
	interval = 1000000000 / arg_num(argc, argv, 3, 1000);
	if (interval >= 1000000000)
		die("statistics: at least 2 readings a second");
	table_types();
	run_threads(THREADS + 1, each, NULL);
	put_phase(&phases[0], "none");
	for (int i = 0; heap_readers[i].name && i < FACILITIES; i++)
		put_phase(&phases[i + 1], heap_readers[i].name);
	put("live", (double)table_bytes * THREADS / 1024, "kB");
	put("peak_rss", peak_kb(), "kB");
	heap_figures();
	return 0;
}
