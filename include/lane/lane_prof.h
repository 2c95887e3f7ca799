/* SPDX-License-Identifier: MIT */
/*
 * lane_prof.h - the heap profile: who holds the memory.
 *
 * Lane samples allocations by bytes, with the call stack of each. The man pages
 * lane_prof_set_rate(3) and lane_prof_dump(3) say how to read the result.
 */
#ifndef LANE_PROF_H
#define LANE_PROF_H

#include <stddef.h>

#ifndef LANE_API
#define LANE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The rate that profiles are usually taken with, bytes. */
#define LANE_PROF_RATE_STANDARD ((size_t)512 << 10)

/**
 * lane_prof_set_rate() - switch the heap profile on, off, or to another rate
 * @bytes: mean number of allocated bytes between two samples: 0 switches it off,
 *	else from 1 KiB to 1 TiB
 *
 * What was sampled before stays in the profile, and is taken out of it when it is
 * freed, whatever the rate is then. A thread that allocates meanwhile may still
 * do so at the old rate until this returns.
 *
 * Context: any thread, not a signal handler that interrupted malloc or free.
 * Return: 0; -EINVAL for a rate beyond the limits; -EBUSY in such a handler; -EPERM where the
 *kernel has come to refuse what stopping a CPU's cache takes; -EAGAIN before Lane has started.
 */
LANE_API int lane_prof_set_rate(size_t bytes);

/**
 * lane_prof_rate() - the rate of the heap profile
 *
 * Context: any.
 * Return: mean bytes between two samples; 0 where the profile is off.
 */
LANE_API size_t lane_prof_rate(void);

/**
 * lane_prof_dump() - write the heap profile to a file
 * @path: where to; a name that ends in ".txt" gets the legacy text, any other the
 *	compressed profile.proto. NULL: the path of LANE_CONF=prof_dump:PATH.
 *
 * The file is replaced by rename, so nobody sees half of one.
 *
 * Context: any thread, not a signal handler.
 * Return: 0, or -errno, and then there is no file that was not there before: -ENOENT,
 * -EACCES, -ENOSPC, ... as the system says it; -EISDIR, -ELOOP and -EINVAL for a
 * directory, a symbolic link and what else is no regular file, -EINVAL for NULL
 * without a path in LANE_CONF; -ENAMETOOLONG; -ENOMEM; -EAGAIN before Lane has started.
 */
LANE_API int lane_prof_dump(const char *path);

#ifdef __cplusplus
}
#endif

#endif
