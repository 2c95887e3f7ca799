/* SPDX-License-Identifier: MIT */
/*
 * fleet.h - the processes that are watched, with two snapshots of each.
 *
 * One that does not answer keeps what it had and is left alone for a few rounds,
 * so that the screen goes on for the others. A process is its number and the
 * time it began: another one with the same number is a new member.
 */
#ifndef LANESTAT_FLEET_H
#define LANESTAT_FLEET_H

#include "process.h"
#include "text.h"
#include "totals.h"

enum fleet_file {
	FLEET_NODEINFO,
	FLEET_CLASSINFO,
	FLEET_CPUINFO,
	FLEET_HEAPINFO,
	FLEET_FILES,
};

struct sample {
	bool have;
	double when; /* by now_seconds() */
	struct text text[FLEET_FILES];
};

struct member {
	pid_t pid;
	struct process proc; /* of its names control characters are taken out */
	char mode[12];
	struct sample now, before;
	int err;   /* of the last round, 0 or -errno */
	int rest;  /* rounds for which it is not asked */
	bool here; /* found in this round */
};

struct fleet {
	pid_t only;		/* 0: all */
	struct member *members; /* by number */
	int nr;
};

/* Ask everyone. 0, or -errno: the list cannot be had, or the only one is not there. */
int fleet_refresh(struct fleet *f);
void fleet_free(struct fleet *f);
struct member *fleet_find(const struct fleet *f, pid_t pid);

/* Seconds between the two snapshots, 0 where there is one. */
double fleet_seconds(const struct member *m);

struct operations fleet_operations(const struct member *m);
struct operation_rates fleet_rates(const struct member *m);

#endif /* LANESTAT_FLEET_H */
