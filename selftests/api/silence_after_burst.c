// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: background LANE_CONF=background_thread:true
/*
 * A burst ends and the process goes quiet: all that it does is to allocate and
 * free one object ten times a second, as a server with a timer. Within 10
 * seconds no more is resident than what was before and 15%, with a background
 * thread or without one. Where it does nothing at all any more, no more than a
 * sixteenth and some MiB of free pages are left.
 */
#include "snapshot.h"

#define LIVE MIB(200)
#define BURST MIB(600)
#define MAX_OBJECTS (1u << 20)
#define THREADS 4

static void *keep[MAX_OBJECTS];
static unsigned int nr_kept;

static size_t resident(void)
{
	unsigned long total = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%lu %lu", &total, &pages) != 2)
		ksft_exit_fail_msg("no /proc/self/statm");
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

struct work {
	size_t bytes;
	size_t size[2]; /* from, to */
	uint64_t rng;
};

/* Fill @bytes and free them in random order. */
static void *burst(void *arg)
{
	struct work *w = arg;
	size_t done = 0;
	unsigned int n = 0;
	void **objs = malloc(MAX_OBJECTS * sizeof(*objs));

	while (done < w->bytes && n < MAX_OBJECTS) {
		size_t size = w->size[0] + ksft_random(&w->rng) % (w->size[1] - w->size[0] + 1);

		objs[n] = get(size);
		memset(objs[n++], 1, size);
		done += size;
	}
	while (n) {
		unsigned int i = (unsigned int)(ksft_random(&w->rng) % n);

		put(objs[i]);
		objs[i] = objs[--n];
	}
	put(objs);
	return NULL;
}

static void run_bursts(size_t from, size_t to, int threads, uint64_t *rng)
{
	struct work w[THREADS];
	pthread_t t[THREADS];

	for (int i = 0; i < threads; i++) {
		w[i] = (struct work){BURST / (size_t)threads, {from, to}, ksft_random(rng) | 1};
		pthread_create(&t[i], NULL, burst, &w[i]);
	}
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
}

static bool background(void)
{
	const char *conf = getenv("LANE_CONF");

	return conf && strstr(conf, "background_thread:true");
}

static void make_live(void)
{
	for (size_t live = 0; live < LIVE && nr_kept < MAX_OBJECTS; live += 4000) {
		keep[nr_kept] = get(4000);
		memset(keep[nr_kept++], 1, 4000);
	}
}

static bool goes_back(size_t from, size_t to, int threads, uint64_t *rng)
{
	static struct snap snap;
	size_t before, limit, after = 0, idle;
	int tenths;

	make_live();
	before = resident();
	limit = before + before * 15 / 100;
	run_bursts(from, to, threads, rng);
	snap_read(&snap);
	idle = snap.st.page_heap_free;
	for (tenths = 0; tenths < 100; tenths++) {
		after = resident();
		if (after <= limit)
			break;
		usleep(100000);
		put(get(100));
	}
	ksft_print_msg("%zu MiB before, %zu MiB after %d.%d s; %zu MiB of free pages at once",
		       before >> 20, after >> 20, tenths / 10, tenths % 10, idle >> 20);
	/* With several threads one frees while another takes again: that is kept. */
	return after <= limit && (idle <= BURST / 8 || threads > 1 || background());
}

static const struct {
	const char *name;
	size_t from, to;
	int threads;
} cases[] = {
	{"small objects go back", 16, 1000, 1},
	{"objects of some KiB go back", 1000, 30000, 1},
	{"large objects go back", 40000, MIB(4), 1},
	{"what 4 threads freed goes back", 16, 30000, 4},
};

/* Each in a process of its own, so that none learns from the one before. */
int main(void)
{
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(cases));
	rng = ksft_seed() | 1;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = 1;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (!pid)
			_exit(!goes_back(cases[i].from, cases[i].to, cases[i].threads, &rng) ||
			      fflush(stdout));
		waitpid(pid, &status, 0);
		ksft_test_result(pid > 0 && status == 0, "%s", cases[i].name);
	}
	ksft_finished();
}
