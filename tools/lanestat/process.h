/* SPDX-License-Identifier: MIT */
/* process.h - what /proc says about a process: who it is and since when. */
#ifndef LANESTAT_PROCESS_H
#define LANESTAT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct process {
	char comm[32];	   /* its short name, "?" where it is gone */
	char command[256]; /* name and arguments, the short name where there are none */
	double age;	   /* seconds since it began, 0 where unknown */
	long long start;   /* ticks since boot: with the number it names one process for good */
};

/* False where there is no such process; @p is filled in then, too. */
bool process_look(pid_t pid, struct process *p);

/* Whether the number still is that of the process that @p was filled in for. */
bool process_same(pid_t pid, const struct process *p);

/* Seconds on a clock that never jumps. */
double now_seconds(void);

#endif /* LANESTAT_PROCESS_H */
