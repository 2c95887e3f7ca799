/* SPDX-License-Identifier: MIT */
/*
 * profile.h - a process' heap profile: the message of profile.pb.gz taken apart.
 *
 * The process may be anybody's where root reads: every length and number in
 * the message is checked, and a message that is wrong is an error as a whole.
 */
#ifndef LANESTAT_PROFILE_H
#define LANESTAT_PROFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROFILE_DEPTH_MAX 256 /* frames of a stack that is believed; Lane takes 64 */

enum profile_value {
	PROFILE_ALLOC_OBJECTS,
	PROFILE_ALLOC_BYTES,
	PROFILE_INUSE_OBJECTS,
	PROFILE_INUSE_BYTES,
	PROFILE_VALUES
};

struct profile_mapping {
	uint64_t start, limit;
	uint64_t offset;      /* bytes into the file */
	const char *file;     /* "" where there is none */
	const char *build_id; /* hexadecimal, "" where it is not known */
};

/* A call site. */
struct profile_site {
	uint64_t *pc;	/* calls, innermost first */
	uint32_t depth; /* 0: the stack is not known */
	int64_t value[PROFILE_VALUES];
};

struct profile {
	int64_t rate; /* mean bytes between two samples; 0: off */
	uint64_t
		samples; /* taken so far; with the next one from a comment, 0 where there is none */
	uint64_t lost;	 /* for want of memory: what is shown is less than there is */
	struct profile_mapping *mappings;
	size_t nr_mappings;
	struct profile_site *sites; /* each stack once, in their order (profile_order()) */
	size_t nr_sites;
	int64_t sum[PROFILE_VALUES];
	char **strings;
	size_t nr_strings;
};

/* 0, or -errno as client_read() has it; -EINVAL: the message is none. */
int profile_read(struct profile *p, pid_t pid);

/* Of @len bytes at @data, gzip or not. 0, -EINVAL or -ENOMEM. */
int profile_parse(struct profile *p, const void *data, size_t len);
void profile_free(struct profile *p);

/* An order of stacks, as for qsort(). */
int profile_order(const void *a, const void *b);

#endif /* LANESTAT_PROFILE_H */
