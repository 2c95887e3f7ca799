// SPDX-License-Identifier: MIT
/*
 * lane_gc_init() before Lane's own constructor, as by another library's: what LANE_CONF says of the
 * collected heap holds all the same, and there is one thread that returns memory and writes the
 * statistics file, or none where LANE_CONF wants none. A handler that comes while it starts Lane
 * may allocate.
 */
#include "unit.h"

#include <lane/lane_gc.h>

#include "../api/thread_names.h"

#include "gc.h"
#include "os.h"
#include "release.h"

static int early = 1;
static struct os_ops real;
static void *allocated;

static void allocate(int sig)
{
	(void)sig;
	allocated = lane_malloc(100);
}

static void *raising_map(size_t bytes, int prot)
{
	os.map = real.map;
	raise(SIGUSR1);
	return real.map(bytes, prot);
}

__attribute__((constructor(101))) static void start_early(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = 30, .memory_limit = MIB(900)};

	if (getenv("EARLY") && !strcmp(getenv("EARLY"), "handler")) {
		alarm(20);
		signal(SIGUSR1, allocate);
		real = os;
		os.map = raising_map;
	}
	if (getenv("EARLY"))
		early = lane_gc_init(&o);
}

/* So many, and no others for a while. */
static bool threads_are(int wanted)
{
	double end = ksft_now() + 20;

	while (threads_named("lane") != wanted && ksft_now() < end)
		usleep(20000);
	usleep(300000);
	return threads_named("lane") == wanted && READ_ONCE(release_threaded) == (wanted != 0);
}

/* The statistics file, where one is wanted. */
static bool file_comes(void)
{
	double end = ksft_now() + 20;
	char path[64];

	if (!conf.stats_file[0])
		return true;
	snprintf(path, sizeof(path), "/tmp/lane-gc-early.%d", (int)getpid());
	while (access(path, R_OK) && ksft_now() < end)
		usleep(20000);
	return !access(path, R_OK);
}

static const char *const keys = "gc_percent:70,gc_memory_limit:500m,gc_check:true";

/* How it begins, and what LANE_CONF says. */
static const struct how {
	const char *name, *more;
	bool keys;
	int threads;
	const char *shows;
} hows[] = {
	{"plain", "", false, 1, "lane_gc_init() before LANE_CONF is read, which says nothing"},
	{"keys", "", true, 1, "LANE_CONF goes before the program's options"},
	{"file", ",stats_file:/tmp/lane-gc-early.%p", true, 1,
	 "one thread writes the statistics file, too"},
	{"none", ",background_thread:false", true, 0, "LANE_CONF wants no such thread"},
	{"handler", "", false, 1, "a handler that comes while Lane starts allocates"},
};

/* In a process that began so. */
static int look(const struct how *h)
{
	bool right = !early && file_comes() && threads_are(h->threads);

	right &= lane_gc_set_percent(50) == (h->keys ? 70 : 30);
	right &= lane_gc_set_memory_limit(UINT64_MAX) == (h->keys ? MIB(500) : MIB(900));
	right &= gc.check == h->keys;
	right &= !strcmp(h->name, "handler") == !!allocated;
	return !right || lane_gc_collect();
}

static void test(size_t i)
{
	char text[512], number[8];
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		snprintf(text, sizeof(text), "%s%s", hows[i].keys ? keys : "", hows[i].more);
		snprintf(number, sizeof(number), "%zu", i);
		setenv("EARLY", hows[i].name, 1);
		setenv("LANE_CONF", text, 1);
		execl("/proc/self/exe", "gc_early", number, NULL);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	snprintf(text, sizeof(text), "/tmp/lane-gc-early.%d", (int)pid);
	unlink(text);
	ksft_test_result(pid > 0 && !status, "%s", hows[i].shows);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return look(&hows[atoi(argv[1])]);
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(hows));
	for (size_t i = 0; i < ARRAY_SIZE(hows); i++)
		test(i);
	ksft_finished();
}
