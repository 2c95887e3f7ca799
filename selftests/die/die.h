/* SPDX-License-Identifier: MIT */
/*
 * die.h - for programs that must die. Each names the pointer on stdout just
 * before the deed, so that die.sh can tell that Lane names the same.
 */
#ifndef LANE_DIE_H
#define LANE_DIE_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../api/names.h"

/* On one CPU: what is found at once in its cache is found later when the thread has moved. */
__attribute__((constructor)) static void die_stay(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* The compiler must neither see nor remove the misuse. */
static inline void *die_with(void *p)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%p\n", p);

	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		_exit(9);
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static inline void *die_plain(size_t size)
{
	void *p;

	__asm__ volatile("" : "+r"(size));
	p = malloc(size);
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

/* With DIE_GUARDED set a guarded sample, which is no part of the heap. */
static inline void *die_get(size_t size)
{
	void *p = die_plain(size);

	if (getenv("DIE_GUARDED") && size <= 4096) {
		for (int i = 0; i < 1000000 && lane_node_of(p) >= 0; i++)
			p = die_plain(size);
	}
	return p;
}

/* The deed did not end the program: what is done now, in the words of the table. */
static inline void die_step(const char *what)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s\n", what);

	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		_exit(9);
}

/* What is cached goes back to its spans. */
static inline void die_drain(void)
{
	die_step("at a drain");
	lane_release(SIZE_MAX);
}

/* All that waits goes on, and is handed out again. */
static inline void die_reuse(size_t size)
{
	die_step("before its reuse");
	for (int i = 0; i < 100000; i++)
		free(die_plain(size));
}

#endif /* LANE_DIE_H */
