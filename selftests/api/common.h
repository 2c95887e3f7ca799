/* SPDX-License-Identifier: MIT */
/* common.h - what most black-box tests need: opaque calls, patterns, pools of threads */
#ifndef LANE_API_COMMON_H
#define LANE_API_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/wait.h>

#include <lane/lane.h>
#include "../ksft.h"
#include "names.h"

#if defined(__SANITIZE_THREAD__)
#define SANITIZER "ThreadSanitizer"
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZER "AddressSanitizer"
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZER "ThreadSanitizer"
#elif __has_feature(address_sanitizer)
#define SANITIZER "AddressSanitizer"
#endif
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

/*
 * The compiler knows malloc and free: it removes pairs, folds sizes and warns
 * about absurd ones. What goes through these two it knows nothing about.
 */
static inline void *opaque(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static inline size_t opaque_size(size_t n)
{
	__asm__ volatile("" : "+r"(n));
	return n;
}

static inline void *get(size_t size)
{
	return opaque(malloc(opaque_size(size)));
}

static inline void put(void *p)
{
	free(opaque(p));
}

/* Words that depend on place and seed, so that a shifted copy shows too. */
static inline uint64_t pattern_word(uint64_t seed, size_t i)
{
	return (seed + i) * 0x9e3779b97f4a7c15ULL;
}

static inline void pattern_fill(void *p, size_t size, uint64_t seed)
{
	unsigned char *c = p;
	size_t i;

	for (i = 0; i + 8 <= size; i += 8) {
		uint64_t w = pattern_word(seed, i);

		memcpy(c + i, &w, 8);
	}
	for (; i < size; i++)
		c[i] = (unsigned char)(pattern_word(seed, i) >> 56);
}

static inline bool pattern_holds(const void *p, size_t size, uint64_t seed)
{
	const unsigned char *c = p;
	size_t i;

	for (i = 0; i + 8 <= size; i += 8) {
		uint64_t w = pattern_word(seed, i);

		if (memcmp(c + i, &w, 8) != 0)
			return false;
	}
	for (; i < size; i++)
		if (c[i] != (unsigned char)(pattern_word(seed, i) >> 56))
			return false;
	return true;
}

static inline bool all_zero(const void *p, size_t size)
{
	const unsigned char *c = p;

	return size == 0 || (c[0] == 0 && memcmp(c, c + 1, size - 1) == 0);
}

/* Sizes like a server's: mostly small, some of pages, a few large. */
static inline size_t random_size(uint64_t *rng)
{
	uint64_t r = ksft_random(rng);
	unsigned int kind = r & 127;

	r >>= 7;
	if (kind < 100)
		return r % 1024;
	if (kind < 120)
		return r % KIB(32);
	if (kind < 127)
		return r % KIB(256);
	return r % MIB(3);
}

/* What exec() takes for this program, also where /proc is hidden. */
static inline const char *own_path(void)
{
	if (access("/proc/self/exe", X_OK) == 0)
		return "/proc/self/exe";
	return (const char *)getauxval(AT_EXECFN);
}

/* Allowed CPUs, in order; returns how many. */
static inline int allowed_cpus(int *cpus, int room)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < room; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = cpu;
	return n;
}

static inline int run_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static inline void start_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
	int ret = pthread_create(t, NULL, fn, arg);

	if (ret != 0)
		ksft_exit_fail_msg("pthread_create: %s", strerror(ret));
}

/*
 * Run @fn in a child; returns its exit status, or -1 with a message where it
 * died by a signal or was still running after @seconds (it is killed then).
 */
static inline int in_child(int (*fn)(void *), void *arg, int seconds)
{
	int status = 0;
	pid_t pid = fork();
	pid_t got;

	if (pid < 0)
		ksft_exit_fail_msg("fork: %s", strerror(errno));
	if (pid == 0)
		_exit(fn(arg));
	for (double end = ksft_now() + ksft_patience(seconds);;) {
		struct timespec pause = {0, 2000000};

		got = waitpid(pid, &status, WNOHANG);
		if (got != 0 || ksft_now() > end)
			break;
		nanosleep(&pause, NULL);
	}
	if (got == 0) {
		ksft_print_msg("child %d still runs after %d s: killed", (int)pid, seconds);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return -1;
	}
	if (WIFSIGNALED(status)) {
		ksft_print_msg("child died by signal %d", WTERMSIG(status));
		return -1;
	}
	return WEXITSTATUS(status);
}

#endif /* LANE_API_COMMON_H */
