// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * While threads allocate collected objects, cycles run and settings change, each text is whole,
 * over the socket and from lane_proc_read(): no 0 bytes in it, its end there, and its length what
 * was said.
 */
#include "nodes.h"

#include "../api/serve.h"

#define THREADS 2
#define SECONDS (ksft_quick() ? 1 : 3)

static char text[1 << 20];
static _Atomic bool stop;

static void *churn(void *arg)
{
	uint64_t rng = (uintptr_t)arg * 991 | 1;
	struct node *keep = node_make(NODE_TYPED, 1, 16);

	while (!atomic_load(&stop)) {
		node_set(keep, ksft_random(&rng) % 16, node_make(NODE_TYPED, 1, 4));
		gc_garbage(ksft_random(&rng) % 3000);
		gc_garbage(8);
	}
	return NULL;
}

/* Between a short number and a long one. */
static void *change_settings(void *arg)
{
	static const char *const settings[] = {"prof_rate 0\nguard_rate 0\n",
					       "prof_rate 1g\nguard_rate 1g\n"};

	(void)arg;
	for (unsigned long i = 0; !atomic_load(&stop); i++) {
		lane_conf_write(settings[i % 2], strlen(settings[i % 2]));
		usleep(100);
	}
	return NULL;
}

/* The last row of gcinfo has all its columns. */
static bool last_row(const char *end)
{
	const char *row = end - 1;
	int words = 0;

	while (row > text && row[-1] != '\n')
		row--;
	for (; row < end; row++)
		words += *row == ' ' || *row == '\n';
	return words == 8;
}

static bool whole(const char *name, size_t len)
{
	const char *last = !strcmp(name, "metrics") ? "\n# EOF\n"
			   : !strcmp(name, "conf")  ? "\nprof_peak false\n"
						    : "\n";
	size_t n = strlen(last);

	if (strlen(text) == len && len > n && !strcmp(text + len - n, last) &&
	    (n > 1 || last_row(text + len)))
		return true;
	ksft_print_msg("%s: %zu bytes, 0 after %zu, ends with: %s", name, len, strlen(text),
		       text + (len > 60 ? len - 60 : 0));
	return false;
}

static ssize_t over_socket(const char *name)
{
	return serve_read(getpid(), name, text, sizeof(text));
}

static ssize_t by_call(const char *name)
{
	return lane_proc_read(name, text, sizeof(text));
}

static bool all_whole(ssize_t (*read_text)(const char *name), const char *how)
{
	static const char *const names[] = {"gcinfo", "metrics", "all", "conf"};
	unsigned long reads = 0, broken = 0;

	for (double end = ksft_now() + SECONDS; ksft_now() < end && broken < 5; reads++) {
		const char *name = names[reads % ARRAY_SIZE(names)];
		ssize_t len = read_text(name);

		broken += len <= 0 || !whole(name, (size_t)len);
	}
	ksft_print_msg("%s: %lu reads, %lu broken", how, reads, broken);
	return reads && !broken;
}

int main(void)
{
	pthread_t threads[THREADS], settings;

	ksft_print_header();
	ksft_set_plan(2);
	serve_prepare();
	gc_begin_small();
	node_make_types();
	if (lane_serve_start())
		ksft_exit_fail_msg("the service does not start");
	for (uintptr_t i = 0; i < THREADS; i++)
		gc_thread(&threads[i], churn, (void *)i);
	start_thread(&settings, change_settings, NULL);
	ksft_test_result(all_whole(over_socket, "socket"), "texts over the socket are whole");
	ksft_test_result(all_whole(by_call, "call"), "texts of lane_proc_read() are whole");
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(settings, NULL);
	lane_serve_stop();
	serve_clean();
	ksft_finished();
}
