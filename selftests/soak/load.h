/* SPDX-License-Identifier: MIT */
/*
 * load.h - what the soak's program does: sessions that are replaced, bursts,
 * one timer, objects whose sizes shift, children.
 *
 * The tables of pointers are mapped, so that all that Lane holds is load.
 */
#ifndef LANE_SOAK_LOAD_H
#define LANE_SOAK_LOAD_H

#include "../api/snapshot.h"

#include <sys/mman.h>

#define SESSIONS 150000 /* of about 870 bytes: 125 MiB live */
#define SERVERS 2
#define BURSTERS 4
#define BURST MIB(80) /* of each */
#define BURST_OBJECTS (1u << 18)
#define SHIFT MIB(64) /* live in objects whose size shifts */
#define SHIFT_OBJECTS (SHIFT / 48)
#define LINGER 50 /* one in so many objects outlives a shift, and the next */

static void *load_table(size_t entries)
{
	void *p = mmap(NULL, entries * sizeof(void *), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		ksft_exit_fail_msg("no memory for a table");
	return p;
}

static void *load_get(size_t size)
{
	char *p = malloc(size);

	if (!p)
		ksft_exit_fail_msg("malloc(%zu) failed", size);
	memset(p, 1, size);
	return p;
}

/* As many of one magnitude as of the next. */
static size_t load_size(uint64_t *rng, unsigned int from_bits, unsigned int to_bits)
{
	size_t base = (size_t)1 << (from_bits + ksft_random(rng) % (to_bits - from_bits));

	return base + ksft_random(rng) % base;
}

static _Atomic(void *) *sessions;

struct server {
	uint64_t rng;
	unsigned int requests; /* to serve */
};

/* A request's buffers live as long as it, a session's value until another replaces it. */
static void *serve_requests(void *arg)
{
	struct server *s = arg;

	while (s->requests--) {
		void *in = load_get(load_size(&s->rng, 7, 12));
		void *out = load_get(load_size(&s->rng, 8, 15));
		void *value = load_get(load_size(&s->rng, 5, 12));

		free(atomic_exchange(&sessions[ksft_random(&s->rng) % SESSIONS], value));
		free(in);
		free(out);
	}
	return NULL;
}

static void load_serve(unsigned int requests, uint64_t *rng)
{
	struct server s[SERVERS];
	pthread_t t[SERVERS];

	for (int i = 0; i < SERVERS; i++) {
		s[i] = (struct server){ksft_random(rng) | 1, requests / SERVERS};
		pthread_create(&t[i], NULL, serve_requests, &s[i]);
	}
	for (int i = 0; i < SERVERS; i++)
		pthread_join(t[i], NULL);
}

static void load_fill_sessions(uint64_t *rng)
{
	for (int i = 0; i < SESSIONS; i++)
		atomic_store(&sessions[i], load_get(load_size(rng, 5, 12)));
}

/* Fill, then free in random order. */
static void *burst(void *arg)
{
	uint64_t rng = *(uint64_t *)arg;
	void **objs = load_table(BURST_OBJECTS);
	size_t n = 0;

	for (size_t done = 0; done < BURST && n < BURST_OBJECTS;) {
		size_t size = load_size(&rng, 6, 14);

		objs[n++] = load_get(size);
		done += size;
	}
	while (n) {
		size_t i = ksft_random(&rng) % n;

		free(objs[i]);
		objs[i] = objs[--n];
	}
	munmap(objs, BURST_OBJECTS * sizeof(void *));
	return NULL;
}

static void load_burst(uint64_t *rng)
{
	uint64_t seeds[BURSTERS];
	pthread_t t[BURSTERS];

	for (int i = 0; i < BURSTERS; i++) {
		seeds[i] = ksft_random(rng) | 1;
		pthread_create(&t[i], NULL, burst, &seeds[i]);
	}
	for (int i = 0; i < BURSTERS; i++)
		pthread_join(t[i], NULL);
}

struct shift {
	void **live;	  /* objects of the present size; NULL: none */
	void **lingering; /* one of LINGER of the last size, and of the one before */
	size_t nr, nr_lingering[2];
	size_t room; /* of each half of lingering, objects */
};

static void shift_make(struct shift *s)
{
	*s = (struct shift){.room = SHIFT_OBJECTS / LINGER + 1};
	s->live = load_table(SHIFT_OBJECTS);
	s->lingering = load_table(2 * s->room);
}

/* All objects are replaced by those of @size, of as many bytes; a few outlive two shifts. */
static void load_shift(struct shift *s, size_t size, uint64_t *rng)
{
	size_t want = SHIFT / size;

	for (size_t i = 0; i < s->nr_lingering[1]; i++)
		free(s->lingering[s->room + i]);
	memcpy(s->lingering + s->room, s->lingering, s->nr_lingering[0] * sizeof(void *));
	s->nr_lingering[1] = s->nr_lingering[0];
	s->nr_lingering[0] = 0;
	for (size_t i = 0; i < s->nr || i < want; i++) {
		if (i < s->nr && ksft_random(rng) % LINGER == 0 && s->nr_lingering[0] < s->room)
			s->lingering[s->nr_lingering[0]++] = s->live[i];
		else if (i < s->nr)
			free(s->live[i]);
		if (i < want)
			s->live[i] = load_get(size);
	}
	s->nr = want;
}

static void shift_drop(struct shift *s)
{
	while (s->nr)
		free(s->live[--s->nr]);
	for (int half = 0; half < 2; half++)
		while (s->nr_lingering[half])
			free(s->lingering[half * s->room + --s->nr_lingering[half]]);
}

/* The child of a busy process allocates, frees, and its books are right. Returns children that
 * failed. */
static int load_fork(int children)
{
	int bad = 0;

	for (int i = 0; i < children; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			static struct snap snap;
			void *objs[1000];
			bool good;

			alarm(20);
			for (int n = 0; n < 1000; n++)
				objs[n] = load_get(16 + (size_t)n);
			if (snap_read(&snap))
				_exit(2);
			good = snap_good(&snap);
			for (int n = 0; n < 1000; n++)
				free(objs[n]);
			_exit(good ? 0 : 1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
			ksft_print_msg("a child: pid %d, status %#x", (int)pid,
				       (unsigned int)status);
			bad++;
		}
	}
	return bad;
}

#endif
