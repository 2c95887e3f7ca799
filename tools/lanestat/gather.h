/* SPDX-License-Identifier: MIT */
/*
 * gather.h - files of many processes at a time. Up to GATHER_THREADS of them are
 * asked at once, so that one that hangs costs its own second and not everyone's.
 */
#ifndef LANESTAT_GATHER_H
#define LANESTAT_GATHER_H

#include <stddef.h>
#include <sys/types.h>

#define GATHER_THREADS 16

struct gather {
	pid_t pid;	  /* in */
	const char *name; /* in: the file */
	char *text;	  /* out: from malloc(), NULL on an error */
	size_t len;	  /* out: bytes */
	int err;	  /* out: 0 or what client_read() said */
	double when;	  /* out: when the answer was there, by now_seconds() */
};

void gather(struct gather *all, int nr);
void gather_free(struct gather *all, int nr);

#endif /* LANESTAT_GATHER_H */
