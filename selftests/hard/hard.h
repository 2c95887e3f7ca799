/* SPDX-License-Identifier: MIT */
/* hard.h - how long the hard tests run, and what they look at in the process */
#ifndef LANE_HARD_HARD_H
#define LANE_HARD_HARD_H

#include "../api/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PATIENCE                                                                                   \
	60 /* seconds for what takes none; a hang, not a slow machine, is meant to end so */

/* HARD_SECONDS, else @seconds, else a third of that where QUICK asks for it. */
static inline double hard_seconds(double seconds)
{
	const char *text = getenv("HARD_SECONDS");

	return text ? strtod(text, NULL) : ksft_quick() ? seconds / 3 : seconds;
}

/* Open descriptors of this process; one for the look itself. */
static inline int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* Whether they are @n again; Lane's own threads may have one for a moment. */
static inline bool fds_are(int n)
{
	double until = ksft_now() + PATIENCE;

	while (count_fds() != n && ksft_now() < until)
		usleep(1000);
	return count_fds() == n;
}

/* Alone in the process: the books hold, and the walk finds what they say. */
static inline bool books_are_exact(void)
{
	static struct snap books, walked;

	return snap_read(&books) == 0 && snap_good(&books) && books.st.in_transit == 0 &&
	       snap_walk(&walked) == 0 && walked.st.live_objects == books.st.live_objects &&
	       walked.st.in_use == books.st.in_use && walked.st.mapped == books.st.mapped &&
	       walked.st.cpu_cached == books.st.cpu_cached;
}

/* Objects of a thread, changed at random; their content is checked. */
struct held {
	void *p[64];
	size_t size[64];
};

static inline int held_change(struct held *h, uint64_t *rng)
{
	size_t i = ksft_random(rng) % ARRAY_SIZE(h->p);
	int bad = h->p[i] && !pattern_holds(h->p[i], h->size[i], i);

	put(h->p[i]);
	h->size[i] = random_size(rng) % KIB(300);
	h->p[i] = get(h->size[i]);
	if (!h->p[i])
		return bad;
	pattern_fill(h->p[i], h->size[i], i);
	return bad;
}

static inline int held_free(struct held *h)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(h->p); i++) {
		bad += h->p[i] && !pattern_holds(h->p[i], h->size[i], i);
		put(h->p[i]);
		h->p[i] = NULL;
	}
	return bad;
}

#endif
