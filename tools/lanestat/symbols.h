/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - names for addresses of a running process, by elfutils' libdw: from
 * symbol tables, and where there is DWARF, with lines and inlined functions.
 *
 * A file that is not the one that was profiled (another build id) gives no
 * names. What has none is called after its file and offset. Nothing is fetched
 * over the network: DEBUGINFOD_URLS is taken out of the environment.
 */
#ifndef LANESTAT_SYMBOLS_H
#define LANESTAT_SYMBOLS_H

#include "profile.h"

struct frame {
	const char *function; /* equal names are equal pointers */
	const char *module;   /* a file's last name; "" where there is none */
	const char *file;     /* source, NULL where not known */
	int line;
};

/* All that is at one address: inlined functions first, then the one that is called. */
struct place {
	uint64_t pc;
	struct frame *frames;
	int nr_frames; /* 1 at least */
};

struct symbols;

/* NULL without memory. @p must outlive it. */
struct symbols *symbols_open(pid_t pid, const struct profile *p);
void symbols_close(struct symbols *s);

/* NULL without memory; lives until symbols_close(). */
const struct place *symbols_at(struct symbols *s, uint64_t pc);

#endif /* LANESTAT_SYMBOLS_H */
