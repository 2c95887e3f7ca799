/* SPDX-License-Identifier: MIT */
/*
 * prof_dump.h - a profile as a file: written beside its place under another
 * name, then renamed, so that nobody sees half of one, and removed where that fails.
 *
 * Two dumps at a time do not meet: the other name has the process' number and
 * a count. Signals are blocked meanwhile; SIGXFSZ, which a write beyond
 * RLIMIT_FSIZE raises, is taken back.
 */
#ifndef PERCPU_PROF_DUMP_H
#define PERCPU_PROF_DUMP_H

#include "compiler.h"

#define PROF_PATH_MAX 4096 /* bytes, its 0 byte included */

/*
 * Write the profile to @path, for the reason @why; as lane_prof_dump() returns.
 * Not with a lock held, nor inside a slow path: it may load a library.
 */
int prof_dump(const char *path, const char *why);

/* The same to conf.prof_dump with its %p and %n filled in. The first failure gives a line on
 * stderr. */
void prof_dump_conf(const char *why);

/* Load what that needs, with no lock held: the dynamic loader's is taken. */
void prof_dump_prepare(void);

/* @pattern with %p and %n replaced, %% a percent sign, into @path of @room; 0 or -ENAMETOOLONG. */
int prof_dump_path(char *path, size_t room, const char *pattern, int process, u32 sequence);

#endif
