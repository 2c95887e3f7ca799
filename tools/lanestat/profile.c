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
#include "symbols.h"

struct options {
	pid_t pid;
	double diff; /* seconds, 0: none */
	bool by_alloc;
	bool full;
	long rows;
};

/* A site of the last reading, and what it had in the first one. */
struct row {
	const struct profile_site *site;
	int64_t was[PROFILE_VALUES];
	int64_t key; /* to sort by */
};

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->key < y->key) - (x->key > y->key);
}

static int64_t grown(const struct row *r, enum profile_value v)
{
	return r->site->value[v] - r->was[v];
}

/* The sites of @now, sorted; @before may be NULL. From malloc(). */
static struct row *make_rows(const struct profile *now, const struct profile *before,
			     const struct options *o)
{
	enum profile_value v = o->by_alloc ? PROFILE_ALLOC_BYTES : PROFILE_INUSE_BYTES;
	struct row *rows = calloc(now->nr_sites + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < now->nr_sites; i++) {
		const struct profile_site *s = &now->sites[i], *old = NULL;

		rows[i].site = s;
		if (before && before->nr_sites)
			old = bsearch(s, before->sites, before->nr_sites, sizeof(*s),
				      profile_order);
		if (old)
			memcpy(rows[i].was, old->value, sizeof(old->value));
		rows[i].key = before ? grown(&rows[i], v) : s->value[v];
	}
	if (rows)
		qsort(rows, now->nr_sites, sizeof(*rows), compare);
	return rows;
}

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

static void print_rows(const struct profile *now, const struct row *rows, struct symbols *symbols,
		       const struct options *o)
{
	int64_t sum = now->sum[o->by_alloc ? PROFILE_ALLOC_BYTES : PROFILE_INUSE_BYTES];

	printf("%8s %6s %10s %10s %10s  %s\n",
	       o->diff > 0   ? "GROWTH"
	       : o->by_alloc ? "ALLOC"
			     : "IN_USE",
	       "SHARE", "OBJECTS", "IN_USE", "ALLOCATED", "CALLS");
	for (size_t i = 0; i < now->nr_sites && (long)i < o->rows; i++) {
		const struct profile_site *s = rows[i].site;
		enum profile_value v = o->by_alloc ? PROFILE_ALLOC_OBJECTS : PROFILE_INUSE_OBJECTS;

		/* What neither holds nor grew is no answer. */
		if (!rows[i].key)
			break;
		printf("%8s %5.1f%% %10" PRId64 " %10s %10s  ", bytes(rows[i].key),
		       sum ? 100 * (double)rows[i].key / (double)sum : 0.0,
		       o->diff > 0 ? grown(&rows[i], v) : s->value[v],
		       bytes(s->value[PROFILE_INUSE_BYTES]), bytes(s->value[PROFILE_ALLOC_BYTES]));
		print_calls(symbols, s);
		if (o->full)
			print_stack(symbols, s);
	}
}

static void print_head(const struct profile *now, const struct profile *before,
		       const struct options *o)
{
	struct process process;

	process_look(o->pid, &process);
	printf("%d ", (int)o->pid);
	printable(process.comm);
	printf(": %s in %" PRId64 " objects in use, %s allocated; %zu call sites; estimates",
	       bytes(now->sum[PROFILE_INUSE_BYTES]), now->sum[PROFILE_INUSE_OBJECTS],
	       bytes(now->sum[PROFILE_ALLOC_BYTES]), now->nr_sites);
	if (now->rate)
		printf(", a sample each %s\n", bytes(now->rate));
	else
		printf(" of the time when sampling was on\n");
	if (before)
		printf("in %g s: in use %s%s, allocated %s\n", o->diff,
		       now->sum[PROFILE_INUSE_BYTES] < before->sum[PROFILE_INUSE_BYTES] ? "" : "+",
		       bytes(now->sum[PROFILE_INUSE_BYTES] - before->sum[PROFILE_INUSE_BYTES]),
		       bytes(now->sum[PROFILE_ALLOC_BYTES] - before->sum[PROFILE_ALLOC_BYTES]));
}

static int show(const struct profile *now, const struct profile *before, const struct options *o)
{
	struct symbols *symbols;
	struct row *rows;

	if (!now->rate && !now->nr_sites)
		return fail("%d: sampling is off; to switch it on: lanestat %d conf prof_rate 512k",
			    (int)o->pid, (int)o->pid);
	symbols = symbols_open(o->pid, now);
	rows = make_rows(now, before, o);
	if (!symbols || !rows) {
		symbols_close(symbols);
		free(rows);
		return fail("%s", strerror(ENOMEM));
	}
	print_head(now, before, o);
	print_rows(now, rows, symbols, o);
	symbols_close(symbols);
	free(rows);
	return finish_output();
}

static int read_one(struct profile *p, pid_t pid)
{
	int err = profile_read(p, pid);

	if (err == -EINVAL)
		return fail("%d: profile.pb.gz is not what this lanestat understands", (int)pid);
	return err ? fail_client(pid, "profile.pb.gz", err) : STATUS_OK;
}

static int run(const struct options *o)
{
	struct profile before, now;
	int status = read_one(&before, o->pid);

	if (status)
		return status;
	if (o->diff <= 0) {
		status = show(&before, NULL, o);
	} else {
		struct timespec wait = {(time_t)o->diff,
					(long)((o->diff - (double)(time_t)o->diff) * 1e9)};

		nanosleep(&wait, NULL);
		status = read_one(&now, o->pid);
		if (!status) {
			status = show(&now, &before, o);
			profile_free(&now);
		}
	}
	profile_free(&before);
	return status;
}

int profile_main(int argc, char **argv)
{
	static const struct option options[] = {{"diff", required_argument, NULL, 'd'},
						{"sort", required_argument, NULL, 's'},
						{"full", no_argument, NULL, 'f'},
						{0}};
	struct options o = {.rows = 20};
	int opt;

	while ((opt = getopt_long(argc, argv, ":n:f", options, NULL)) != -1) {
		if (opt == 'd' && !parse_seconds(optarg, &o.diff))
			return misused("profile: --diff wants seconds from 0.1 to 86400");
		if (opt == 's' && strcmp(optarg, "inuse") && strcmp(optarg, "alloc"))
			return misused("profile: --sort wants inuse or alloc");
		if (opt == 's')
			o.by_alloc = !strcmp(optarg, "alloc");
		if (opt == 'n' && !parse_count(optarg, &o.rows))
			return misused("profile: -n wants a number of rows");
		if (opt == 'f')
			o.full = true;
		if (opt == '?' || opt == ':')
			return misused("profile: %s is unknown or wants a value", argv[optind - 1]);
	}
	if (argc - optind != 1)
		return misused("profile wants a process");
	if (!parse_pid(argv[optind], &o.pid))
		return misused("'%s' is no process number", argv[optind]);
	return run(&o);
}
