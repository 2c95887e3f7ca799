// SPDX-License-Identifier: MIT
/*
 * soak - a server's life, round after round, and what it holds meanwhile.
 *
 *   soak SECONDS FILE
 *
 * A round serves requests, lets a burst come and go, is quiet, shifts the
 * sizes of its objects and forks, all beside a reader of statistics. FILE
 * gets a row five times a second: seconds, phase, then MiB resident, in use,
 * cached, free, released. Rounds go on until SECONDS have passed, but no less
 * than MIN_ROUNDS.
 *
 * What is shown: after each burst no more than what is live and 15% is
 * resident within 10 seconds; what is held beyond the live does not drift;
 * shifting sizes do not fragment the heap more and more; every snapshot is
 * whole, in children too.
 */
#include "load.h"

#define MIN_ROUNDS 4
#define MAX_ROUNDS 4096
#define QUIET_TENTHS 100       /* the limit, tenths of a second */
#define REST_TENTHS 20	       /* and so long it goes on being quiet */
#define SERVE_REQUESTS 1000000 /* a round: the same work on a busy machine */

enum phase { SERVE, BURSTS, QUIET, SHIFTS, FORKS };

static const size_t shift_sizes[] = {48, 160, 416, 1100, 3000, 9000};

static _Atomic(int) phase;
static _Atomic(bool) ended;
static _Atomic(uint64_t) snapshots, broken;
static double began;
static size_t program; /* bytes resident before the load: with its tables */

/* What one round left; bytes. */
struct round {
	size_t quiet_excess; /* resident - in use at the end of the quiet phase */
	size_t shift_excess; /* the most of it after a shift */
	double back;	     /* seconds until the burst was given back; < 0: never */
};
static struct round rounds[MAX_ROUNDS];
static int nr_rounds;

static size_t resident(void)
{
	unsigned long total = 0, pages = 0;
	char text[128] = "";
	FILE *f = fopen("/proc/self/statm", "r");

	/* A buffer of its own: stdio's would be load. */
	if (!f || setvbuf(f, text, _IOFBF, sizeof(text)) ||
	    fscanf(f, "%lu %lu", &total, &pages) != 2)
		ksft_exit_fail_msg("no /proc/self/statm");
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t in_use(void)
{
	static struct snap snap;

	if (snap_read(&snap))
		ksft_exit_fail_msg("no snapshot");
	return snap.st.in_use;
}

static size_t excess(void)
{
	size_t live = in_use(), rss = resident();

	return rss > live + program ? rss - live - program : 0;
}

static void *watch(void *arg)
{
	static struct snap snap;
	FILE *out = arg;
	unsigned int turn = 0;

	while (!atomic_load(&ended)) {
		struct lane_stats *st = &snap.st;

		usleep(20000);
		if (snap_read(&snap) || !snap_good(&snap))
			atomic_fetch_add(&broken, 1);
		atomic_fetch_add(&snapshots, 1);
		if (turn++ % 10)
			continue;
		fprintf(out, "%.2f %d %.2f %.2f %.2f %.2f %.2f\n", ksft_now() - began,
			atomic_load(&phase), (double)resident() / MIB(1),
			(double)st->in_use / MIB(1),
			(double)(st->cpu_cached + st->transfer_cached + st->central_free +
				 st->in_transit + st->span_tail) /
				MIB(1),
			(double)st->page_heap_free / MIB(1), (double)st->released / MIB(1));
		fflush(out);
	}
	return NULL;
}

/* A timer's object ten times a second is all that the program does. */
static void rest(unsigned int tenths)
{
	while (tenths--) {
		usleep(100000);
		free(load_get(100));
	}
}

/* Returns seconds until the live and 15% was resident, or -1. */
static double be_quiet(void)
{
	for (int tenths = 0; tenths <= QUIET_TENTHS; tenths++) {
		size_t live = in_use();

		if (resident() <= program + live + live * 15 / 100)
			return tenths / 10.0;
		rest(1);
	}
	return -1;
}

static void one_round(struct round *r, struct shift *s, uint64_t *rng, int *children_bad)
{
	atomic_store(&phase, SERVE);
	load_serve(SERVE_REQUESTS, rng);
	atomic_store(&phase, BURSTS);
	load_burst(rng);
	atomic_store(&phase, QUIET);
	r->back = be_quiet();
	rest(REST_TENTHS);
	r->quiet_excess = excess();
	atomic_store(&phase, SHIFTS);
	for (size_t i = 0; i < ARRAY_SIZE(shift_sizes); i++) {
		size_t now;

		load_shift(s, shift_sizes[i], rng);
		now = excess();
		r->shift_excess = r->shift_excess > now ? r->shift_excess : now;
	}
	shift_drop(s);
	atomic_store(&phase, FORKS);
	*children_bad += load_fork(4);
}

static int by_size(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* The median of one figure over rounds from..to - 1. */
static size_t median(int from, int to, size_t offset)
{
	static size_t v[MAX_ROUNDS];
	int n = 0;

	for (int i = from; i < to; i++)
		memcpy(&v[n++], (char *)&rounds[i] + offset, sizeof(v[0]));
	qsort(v, (size_t)n, sizeof(v[0]), by_size);
	return v[n / 2];
}

/* The first round makes what later ones find made, so it is not compared. */
static bool steady(const char *what, size_t offset)
{
	int half = 1 + (nr_rounds - 1) / 2;
	size_t early = median(1, half, offset), late = median(half, nr_rounds, offset);
	size_t live = in_use();

	ksft_print_msg("%s beyond the live: %.1f MiB, then %.1f; %zu MiB live", what,
		       (double)early / MIB(1), (double)late / MIB(1), live >> 20);
	return late <= early + live / 20;
}

static bool bursts_went_back(void)
{
	double worst = 0;
	bool all = true;

	for (int i = 0; i < nr_rounds; i++) {
		if (rounds[i].back < 0) {
			ksft_print_msg("round %d: %.1f MiB beyond the live after 10 s", i,
				       (double)rounds[i].quiet_excess / MIB(1));
			all = false;
		}
		worst = rounds[i].back > worst ? rounds[i].back : worst;
	}
	ksft_print_msg("back after %.1f s at the latest", worst);
	return all;
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[1]) : 0;
	FILE *out = seconds > 0 ? fopen(argv[2], "w") : NULL;
	uint64_t rng = ksft_seed();
	int children_bad = 0;
	struct shift shift;
	pthread_t watcher;

	ksft_print_header();
	ksft_set_plan(5);
	if (!out)
		ksft_exit_fail_msg("usage: soak SECONDS FILE");
	began = ksft_now();
	sessions = load_table(SESSIONS);
	shift_make(&shift);
	in_use();
	program = resident();
	pthread_create(&watcher, NULL, watch, out);
	load_fill_sessions(&rng);
	while (nr_rounds < MAX_ROUNDS && (nr_rounds < MIN_ROUNDS || ksft_now() - began < seconds)) {
		one_round(&rounds[nr_rounds], &shift, &rng, &children_bad);
		nr_rounds++;
		ksft_print_msg("round %d, %.0f of %.0f s", nr_rounds, ksft_now() - began, seconds);
	}
	atomic_store(&ended, true);
	pthread_join(watcher, NULL);
	ksft_test_result(bursts_went_back(),
			 "after each of %d bursts the live and 15%% is resident", nr_rounds);
	ksft_test_result(steady("at rest", offsetof(struct round, quiet_excess)),
			 "what is held at rest does not drift");
	ksft_test_result(steady("after a shift", offsetof(struct round, shift_excess)),
			 "shifting sizes do not fragment the heap more and more");
	ksft_print_msg("%llu snapshots", (unsigned long long)snapshots);
	ksft_test_result(snapshots && !broken, "every snapshot keeps the identities");
	ksft_test_result(!children_bad, "children allocate, free and read right books");
	fclose(out);
	ksft_finished();
}
