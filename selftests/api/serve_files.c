// SPDX-License-Identifier: MIT
// variant: no-membarrier refuse-membarrier QUICK=1
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * Every file over the socket is what lane_proc_read() renders, in whole, and
 * reading it allocates nothing; under load each of them adds up for several
 * readers at once.
 */
#include "serve.h"

#define READERS 4
#define ENOUGH 20 /* reads, to say anything */
#define THREADS 3

static char text[1 << 20], again[1 << 20];
static _Atomic bool stop;
static _Atomic unsigned long reads, broken;

/* What differs between two snapshots of a quiet process. */
static void blank_counts(char *s)
{
	static const char *const changing[] = {"\ngeneration ", "\nlane_snapshots_total "};

	for (size_t i = 0; i < ARRAY_SIZE(changing); i++)
		for (char *at = s; (at = strstr(at, changing[i]));)
			for (at += strlen(changing[i]); *at != '\n'; at++)
				*at = '#';
}

/* The memory map differs each time: whoever renders a file maps pages for it. */
static void cut_map(char *s)
{
	char *map = strstr(s, "\nMAPPED_LIBRARIES:");

	if (map)
		*map = '\0';
}

static bool same_as_proc_read(const char *name)
{
	ssize_t n = serve_read(getpid(), name, text, sizeof(text));
	ssize_t m = lane_proc_read(name, again, sizeof(again));

	if (n <= 0 || m <= 0)
		return false;
	blank_counts(text);
	blank_counts(again);
	cut_map(text);
	cut_map(again);
	if (strcmp(text, again) == 0)
		return true;
	ksft_print_msg("%s: %.300s / %.300s", name, text, again);
	return false;
}

static bool reading_counts_nothing(void)
{
	struct lane_stats before = {.sz = sizeof(before)}, after = {.sz = sizeof(after)};

	lane_stats_read(&before);
	for (int round = 0; round < 10; round++)
		for (size_t i = 0; i < NR_SERVE_FILES; i++)
			serve_read(getpid(), serve_files[i], text, sizeof(text));
	lane_stats_read(&after);
	return before.mallocs == after.mallocs && before.frees == after.frees &&
	       before.mapped == after.mapped;
}

static void *load(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	void *p[100] = {0};

	while (!atomic_load(&stop)) {
		size_t i = ksft_random(&rng) % 100;

		put(p[i]);
		p[i] = get(random_size(&rng) % KIB(300));
	}
	for (size_t i = 0; i < 100; i++)
		put(p[i]);
	return NULL;
}

static uint64_t number_of(const char *from, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = from; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return strtoull(line + len + 1, NULL, 10);
	}
	return UINT64_MAX;
}

/* @prefix and @suffix around the keys of heapinfo: the same in metrics. */
static bool adds_up(const char *t, const char *prefix, const char *suffix)
{
	static const char *const parts[] = {"in_use",	      "cpu_cached", "transfer_cached",
					    "central_free",   "in_transit", "span_tail",
					    "page_heap_free", "released",   "metadata"};
	uint64_t sum = 0;
	char key[64];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(key, sizeof(key), "%s%s%s", prefix, parts[i], suffix);
		sum += number_of(t, key);
	}
	snprintf(key, sizeof(key), "%smapped%s", prefix, suffix);
	return number_of(t, key) == sum;
}

/* The sum of a family's samples, whatever their labels. */
static uint64_t sum_of(const char *t, const char *family)
{
	size_t len = strlen(family);
	uint64_t sum = 0;

	for (const char *line = t; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, family, len) == 0 && line[len] == '{')
			sum += strtoull(strchr(line, '}') + 1, NULL, 10);
	}
	return sum;
}

static bool metrics_add_up(const char *t)
{
	uint64_t mallocs = number_of(t, "lane_mallocs_total");
	uint64_t frees = number_of(t, "lane_frees_total");
	static const char *const scopes[] = {"class", "percpu", "node"};
	bool good = adds_up(t, "lane_", "_bytes");
	char name[64];

	good &= mallocs - frees == number_of(t, "lane_live_objects");
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		snprintf(name, sizeof(name), "lane_%s_mallocs_total", scopes[i]);
		good &= sum_of(t, name) == mallocs;
		snprintf(name, sizeof(name), "lane_%s_frees_total", scopes[i]);
		good &= sum_of(t, name) == frees;
	}
	return good && sum_of(t, "lane_node_mapped_bytes") == number_of(t, "lane_mapped_bytes") &&
	       sum_of(t, "lane_class_in_use_bytes") == number_of(t, "lane_in_use_bytes") &&
	       strcmp(t + strlen(t) - 6, "# EOF\n") == 0;
}

static void *reader(void *arg)
{
	char *buf = malloc(1 << 20);
	unsigned long turn = (uintptr_t)arg;

	while (!atomic_load(&stop)) {
		const char *name = serve_files[turn++ % NR_SERVE_FILES];
		ssize_t n = serve_read(getpid(), name, buf, 1 << 20);
		bool good = n > 0;

		if (good && strcmp(name, "heapinfo") == 0)
			good = adds_up(buf, "", "") &&
			       number_of(buf, "mallocs") - number_of(buf, "frees") ==
				       number_of(buf, "live_objects");
		else if (good && strcmp(name, "metrics") == 0)
			good = metrics_add_up(buf);
		if (!good && atomic_fetch_add(&broken, 1) < 3)
			ksft_print_msg("%s: %zd, %s, %.2000s", name, n, strerror(errno), buf);
		atomic_fetch_add(&reads, 1);
	}
	free(buf);
	return NULL;
}

static bool identities_under_load(double seconds)
{
	pthread_t t[THREADS + READERS];
	double start = ksft_now();

	for (uintptr_t i = 0; i < THREADS + READERS; i++)
		start_thread(&t[i], i < THREADS ? load : reader, (void *)(i + 1));
	/* On a machine that others use, too, it takes longer to read that often. */
	while (ksft_now() < start + seconds ||
	       (atomic_load(&reads) <= ENOUGH && ksft_now() < start + 20 * seconds))
		usleep(10000);
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS + READERS; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%lu reads by %d readers", atomic_load(&reads), READERS);
	return atomic_load(&broken) == 0 && atomic_load(&reads) > ENOUGH;
}

/* What lane_metrics_write() gives a server for its own endpoint. */
static bool metrics_without_end(void)
{
	ssize_t part = lane_metrics_write(text, sizeof(text));
	ssize_t whole = lane_proc_read("metrics", again, sizeof(again));

	if (part <= 0 || whole <= 0 || strstr(text, "# EOF"))
		return false;
	strcat(text, "# EOF\n");
	blank_counts(text);
	blank_counts(again);
	return strcmp(text, again) == 0 && lane_metrics_write(NULL, 0) >= part - 16;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(NR_SERVE_FILES + 4);
	serve_prepare();
	put(get(100000));
	if (!ksft_test_result(lane_serve_start() == 0 && serve_has_socket(getpid()),
			      "the service starts, its socket is there"))
		ksft_exit_fail_msg("nothing to read from");
	serve_count_sockets();
	serve_read(getpid(), "heapinfo", text, sizeof(text));
	for (size_t i = 0; i < NR_SERVE_FILES; i++)
		ksft_test_result(same_as_proc_read(serve_files[i]),
				 "%s over the socket is what lane_proc_read() says",
				 serve_files[i]);
	ksft_test_result(reading_counts_nothing(), "reading allocates nothing");
	ksft_test_result(metrics_without_end(), "lane_metrics_write() is metrics without its end");
	ksft_test_result(identities_under_load(ksft_quick() ? 1.5 : 10),
			 "files add up for %d readers while %d threads allocate", READERS, THREADS);
	lane_serve_stop();
	serve_clean();
	ksft_finished();
}
