/* SPDX-License-Identifier: MIT */
/*
 * report.h - lanestat report: one page about a process.
 *
 * report_read.c reads the files into a struct report, report_watch.c adds samples
 * over time, report_page.c writes the page of the sections below it. All but the
 * history is one reading of the file "all", and so of one snapshot.
 */
#ifndef LANESTAT_REPORT_H
#define LANESTAT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "process.h"
#include "report_words.h"
#include "text.h"

enum report_files { REPORT_HEAP, REPORT_CLASS, REPORT_CPU, REPORT_NODE, REPORT_FILES };

struct report_file {
	char *raw; /* as it was read, from malloc() */
	struct text text;
};

struct report_sample {
	double at; /* seconds since the first */
	int64_t generation;
	int64_t mallocs, frees;
	int64_t part[REPORT_PARTS]; /* bytes, as report_parts[] */
};

struct report {
	pid_t pid;
	struct process process;
	char host[65];
	struct report_file files[REPORT_FILES];
	struct timespec when; /* wall clock, when they were read */

	/* History: from --watch, else none. */
	double watch; /* seconds wanted, 0: none */
	struct report_sample *samples;
	int nr_samples;
	int nr_missed;	   /* readings that failed */
	const char *ended; /* why the watch ended before its time, NULL where it did not */
};

/* report_read.c */
extern const char *const report_files[REPORT_FILES]; /* their names */

/* 0 or -errno, -ESRCH where the number is not r->process's any more; what @r had is kept then. */
int report_read(struct report *r);

/* What it and report_watch() have read. */
void report_free(struct report *r);

/* report_watch.c; 0 or -errno where there is nothing to show. */
int report_watch(struct report *r, double step);

/* The page and its sections; each file of the name report_*.c. */
void report_page(FILE *out, const struct report *r);
void report_heap(FILE *out, const struct report *r);
void report_history(FILE *out, const struct report *r);
void report_classes(FILE *out, const struct report *r);
void report_nodes(FILE *out, const struct report *r);
void report_cpus(FILE *out, const struct report *r);
void report_flame(FILE *out, const struct report *r);

/* The parts as a stacked bar, of which 1000 units are @whole bytes. */
void report_bar(FILE *out, const int64_t part[REPORT_PARTS], int64_t whole, const char *label);

/* A cell for each row of a table, beside those of the file. */
struct report_extra {
	const char *title;
	void (*cell)(FILE *out, const struct text *t, int row, const void *arg);
	const void *arg;
};

/* A table of @t with headers that sort; @extra may be NULL. */
void report_table(FILE *out, const char *id, const struct text *t, enum report_files file,
		  const struct report_extra *extra);

/* The page's style and script, and those of the flame graphs: files of these names, made C by the
 * Makefile. */
extern const char report_css[];
extern const char report_js[];
extern const char flame_css[];
extern const char flame_js[];

#endif /* LANESTAT_REPORT_H */
