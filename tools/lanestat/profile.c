// SPDX-License-Identifier: MIT
/*
 * lanestat profile: the call sites that hold or allocate most, with names; with
 * --diff, what grew most between two readings.
 */
#include "profile.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "human.h"
#include "lanestat.h"
#include "process.h"
#include "profile_view.h"

struct options {
	pid_t pid;
	bool full;
	bool json;
	long rows; /* -1: not said */
};

static void printable(const char *s)
{
	for (; *s; s++)
		putchar((unsigned char)*s < ' ' || *s == 127 ? '?' : *s);
}

/* "sum_up < read_all < main", innermost first. */
static void print_calls(struct symbols *symbols, const struct profile_site *s)
{
	const char *between = "";

	if (!s->depth)
		fputs("[stack not known]", stdout);
	for (uint32_t i = 0; i < s->depth; i++) {
		const struct place *p = symbols_at(symbols, s->pc[i]);

		for (int f = 0; p && f < p->nr_frames; f++) {
			fputs(between, stdout);
			printable(p->frames[f].function);
			between = " < ";
		}
	}
	putchar('\n');
}

/* A line for each call, with its source where that is known, and its file. */
static void print_stack(struct symbols *symbols, const struct profile_site *s)
{
	for (uint32_t i = 0; i < s->depth; i++) {
		const struct place *p = symbols_at(symbols, s->pc[i]);

		for (int f = 0; p && f < p->nr_frames; f++) {
			const struct frame *frame = &p->frames[f];

			printf("%8s", "");
			printable(frame->function);
			if (frame->file) {
				putchar(' ');
				printable(frame->file);
				printf(":%d", frame->line);
			}
			fputs(f + 1 < p->nr_frames ? " (inlined)\n" : " in ", stdout);
		}
		if (p) {
			printable(p->frames[0].module);
			putchar('\n');
		}
	}
}

static const char *bytes(int64_t v)
{
	static char buf[4][HUMAN_ROOM + 1];
	static int turn;
	char *b = buf[turn++ % 4];

	b[0] = '-';
	human_bytes(b + (v < 0), (double)(v < 0 ? -v : v));
	return b;
}

static void print_rows(const struct profile_view *v, bool full)
{
	int64_t sum = v->now->sum[v->by_alloc ? PROFILE_ALLOC_BYTES : PROFILE_INUSE_BYTES];
	enum profile_value objects = v->by_alloc ? PROFILE_ALLOC_OBJECTS : PROFILE_INUSE_OBJECTS;

	printf("%8s %6s %10s %10s %10s  %s\n",
	       v->before     ? "GROWTH"
	       : v->by_alloc ? "ALLOC"
			     : "IN_USE",
	       "SHARE", "OBJECTS", "IN_USE", "ALLOCATED", "CALLS");
	for (size_t i = 0; i < v->nr_shown; i++) {
		const struct profile_row *r = &v->rows[i];
		const int64_t *value = r->site->value;

		/* What neither holds nor grew is no answer. */
		if (!r->key)
			break;
		printf("%8s %5.1f%% %10" PRId64 " %10s %10s  ", bytes(r->key),
		       sum ? 100 * (double)r->key / (double)sum : 0.0,
		       v->before ? profile_grown(r, objects) : value[objects],
		       bytes(value[PROFILE_INUSE_BYTES]), bytes(value[PROFILE_ALLOC_BYTES]));
		print_calls(v->symbols, r->site);
		if (full)
			print_stack(v->symbols, r->site);
	}
}

static void print_head(const struct profile_view *v)
{
	const struct profile *now = v->now, *before = v->before;
	struct process process;

	process_look(v->pid, &process);
	printf("%d ", (int)v->pid);
	printable(process.comm);
	printf(": %s in %" PRId64 " objects in use, %s allocated; %zu call site%s; estimates",
	       bytes(now->sum[PROFILE_INUSE_BYTES]), now->sum[PROFILE_INUSE_OBJECTS],
	       bytes(now->sum[PROFILE_ALLOC_BYTES]), now->nr_sites, now->nr_sites == 1 ? "" : "s");
	if (now->rate)
		printf(", a sample each %s\n", bytes(now->rate));
	else
		printf(" of the time when sampling was on\n");
	if (now->lost)
		printf("%" PRIu64 " of %" PRIu64
		       " samples were lost for want of memory: there is more "
		       "than is shown\n",
		       now->lost, now->samples + now->lost);
	if (before)
		printf("in %g s: in use %s%s, allocated %s\n", v->seconds,
		       now->sum[PROFILE_INUSE_BYTES] < before->sum[PROFILE_INUSE_BYTES] ? "" : "+",
		       bytes(now->sum[PROFILE_INUSE_BYTES] - before->sum[PROFILE_INUSE_BYTES]),
		       bytes(now->sum[PROFILE_ALLOC_BYTES] - before->sum[PROFILE_ALLOC_BYTES]));
}

static int show(struct profile_view *v, const struct options *o)
{
	/* A page of text; for a program all that there is. */
	size_t rows = o->rows >= 0 ? (size_t)o->rows : o->json ? SIZE_MAX : 20;

	if (!v->now->rate && !v->now->nr_sites)
		return fail("%d: sampling is off; to switch it on: lanestat %d conf prof_rate 512k",
			    (int)o->pid, (int)o->pid);
	v->symbols = symbols_open(o->pid, v->now);
	v->rows = profile_rows(v->now, v->before, v->by_alloc);
	v->nr_shown = rows < v->now->nr_sites ? rows : v->now->nr_sites;
	if (!v->symbols || !v->rows) {
		symbols_close(v->symbols);
		free(v->rows);
		return fail("%s", strerror(ENOMEM));
	}
	if (o->json) {
		profile_json(stdout, v);
	} else {
		print_head(v);
		print_rows(v, o->full);
	}
	symbols_close(v->symbols);
	free(v->rows);
	return finish_output();
}

static int read_one(struct profile *p, pid_t pid)
{
	int err = profile_read(p, pid);

	if (err == -EINVAL)
		return fail("%d: profile.pb.gz is not what this lanestat understands", (int)pid);
	return err ? fail_client(pid, "profile.pb.gz", err) : STATUS_OK;
}

static void wait_seconds(double s)
{
	struct timespec wait = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};

	nanosleep(&wait, NULL);
}

static int run(struct profile_view *v, const struct options *o)
{
	struct profile first, second;
	struct process process;
	int status;

	process_look(o->pid, &process);
	status = read_one(&first, o->pid);
	if (status)
		return status;
	v->pid = o->pid;
	v->now = &first;
	if (v->seconds > 0) {
		wait_seconds(v->seconds);
		v->before = &first;
		v->now = &second;
		status = read_one(&second, o->pid);
		if (!status && !process_same(o->pid, &process))
			status = fail("%d: the process ended, another one has its number",
				      (int)o->pid);
	}
	if (!status)
		status = show(v, o);
	if (v->before)
		profile_free(&second);
	profile_free(&first);
	return status;
}

int profile_main(int argc, char **argv)
{
	static const struct option options[] = {{"diff", required_argument, NULL, 'd'},
						{"sort", required_argument, NULL, 's'},
						{"full", no_argument, NULL, 'f'},
						{"json", no_argument, NULL, 'j'},
						{0}};
	struct options o = {.rows = -1};
	struct profile_view v = {0};
	int opt;

	while ((opt = getopt_long(argc, argv, ":n:f", options, NULL)) != -1) {
		if (opt == 'd' && !parse_seconds(optarg, &v.seconds))
			return misused("profile: --diff wants seconds from 0.1 to 86400");
		if (opt == 's' && strcmp(optarg, "inuse") && strcmp(optarg, "alloc"))
			return misused("profile: --sort wants inuse or alloc");
		if (opt == 's')
			v.by_alloc = !strcmp(optarg, "alloc");
		if (opt == 'n' && !parse_count(optarg, &o.rows))
			return misused("profile: -n wants a number of rows");
		if (opt == 'f')
			o.full = true;
		if (opt == 'j')
			o.json = true;
		if (opt == '?' || opt == ':')
			return misused("profile: %s is unknown or wants a value", argv[optind - 1]);
	}
	if (argc - optind != 1)
		return misused("profile wants a process");
	if (!parse_pid(argv[optind], &o.pid))
		return misused("'%s' is no process number", argv[optind]);
	return run(&v, &o);
}
