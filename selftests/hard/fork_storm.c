// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: guard LANE_CONF=guard_rate:3,prof_rate:2k QUICK=1
// variant: background LANE_CONF=background_thread:true QUICK=1
/*
 * Eight threads allocate and fork at the same time, with the service and the heap profile on.
 * Each child allocates, frees, forks again, three deep; reads statistics that are exact for it
 * and dumps a profile. Some live until their own service answers.
 */
#include "hard.h"
#include "../api/serve.h"

#include <lane/lane_prof.h>

#define THREADS 8
#define DEPTH 3

static double end;
static _Atomic int forks, worst;

/* Bits of an exit status. */
enum { BAD_CONTENT = 1, BAD_BOOKS = 2, BAD_PROFILE = 4, BAD_SERVICE = 8, BAD_CHILD = 32 };

struct generation {
	struct held *held;
	uint64_t rng;
	int depth;
	bool stay; /* until the service answers */
};

static bool profile_is_dumped(void)
{
	char path[128];
	struct stat st;
	bool good;

	snprintf(path, sizeof(path), "%s/%d.txt", serve_root, (int)getpid());
	good = lane_prof_dump(path) == 0 && stat(path, &st) == 0 && st.st_size > 100;
	unlink(path);
	return good;
}

/* Its socket has a name a moment before it listens. */
static bool service_answers(void)
{
	static char text[65536];
	double until = ksft_now() + PATIENCE;

	while (ksft_now() < until) {
		if (serve_has_socket(getpid()) &&
		    serve_ask(getpid(), "read heapinfo\n", 14, text, sizeof(text)) > 0)
			return strncmp(text, "ok ", 3) == 0;
		usleep(2000);
	}
	return false;
}

static int child(void *arg)
{
	struct generation g = *(struct generation *)arg;
	struct held mine = {0};
	int bad = 0;

	g.rng = g.rng * 31 + (uint64_t)getpid() * 2 + 1;
	if (!books_are_exact())
		bad |= BAD_BOOKS;
	for (int i = 0; i < 200; i++)
		if (held_change(&mine, &g.rng) || held_change(g.held, &g.rng))
			bad |= BAD_CONTENT;
	if (--g.depth > 0) {
		int status = in_child(child, &g, PATIENCE);

		bad |= status < 0 ? BAD_CHILD : status;
	}
	if (!profile_is_dumped())
		bad |= BAD_PROFILE;
	if (held_free(&mine) || held_free(g.held))
		bad |= BAD_CONTENT;
	if (g.stay && g.depth == 0 && !service_answers())
		bad |= BAD_SERVICE;
	if (!books_are_exact())
		bad |= BAD_BOOKS;
	return bad;
}

static void *storm(void *arg)
{
	struct held h = {0};
	struct generation g = {.held = &h, .rng = (uintptr_t)arg, .depth = DEPTH};

	for (int i = 0; ksft_now() < end && !atomic_load(&worst); i++) {
		int status;

		for (int k = 0; k < 300; k++)
			if (held_change(&h, &g.rng))
				atomic_fetch_or(&worst, BAD_CONTENT);
		g.stay = i % 8 == 3;
		status = in_child(child, &g, 3 * PATIENCE);
		atomic_fetch_or(&worst, status < 0 ? BAD_CHILD : status);
		atomic_fetch_add(&forks, 1);
	}
	if (held_free(&h))
		atomic_fetch_or(&worst, BAD_CONTENT);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	uint64_t rng;
	int fds;

	ksft_print_header();
	ksft_set_plan(5);
	rng = ksft_seed() | 1;
	serve_prepare();
	if (lane_serve_start() || lane_prof_set_rate(4096))
		ksft_exit_fail_msg("no service or no profile");
	/* Once it answers it has no folder open any more, where the table is shared. */
	if (!service_answers())
		ksft_exit_fail_msg("the service does not answer");
	fds = count_fds();
	end = ksft_now() + hard_seconds(2);
	for (int i = 0; i < THREADS; i++)
		start_thread(&t[i], storm, (void *)(uintptr_t)(ksft_random(&rng) | 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	if (worst)
		ksft_print_msg("faults %#x: 1 content 2 books 4 profile 8 service 32 died or hung",
			       (unsigned int)worst);
	ksft_test_result((worst & BAD_CHILD) == 0,
			 "of %d children, each with children of its own, none dies or hangs",
			 forks);
	ksft_test_result((worst & ~BAD_CHILD) == 0,
			 "their objects, books, profiles and services are right");
	ksft_test_result(fds_are(fds), "the parent has no more descriptors than before");
	ksft_test_result(serve_has_socket(getpid()) && service_answers(),
			 "the parent's service answers");
	lane_serve_stop();
	ksft_test_result(books_are_exact() && !serve_has_socket(getpid()),
			 "the parent's books are exact, and its socket is gone");
	serve_clean();
	ksft_finished();
}
