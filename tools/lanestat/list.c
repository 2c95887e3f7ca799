// SPDX-License-Identifier: MIT
/*
 * lanestat without a command: a line for each process that serves. mallocs/s is
 * the mean since the process began, which one reading is enough for, or with -d
 * that of the seconds between two readings.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "gather.h"
#include "human.h"
#include "json.h"
#include "lanestat.h"
#include "process.h"
#include "rate.h"
#include "text.h"

struct row {
	pid_t pid;
	struct process proc;
	struct text heap;
	double mallocs_rate; /* a second; NaN: unknown */
	int err;
};

static void read_all(struct gather *g, const pid_t *pids, int nr)
{
	for (int i = 0; i < nr; i++)
		g[i] = (struct gather){.pid = pids[i], .name = "heapinfo"};
	gather(g, nr);
}

static void pause_for(double seconds)
{
	struct timespec ts = {.tv_sec = (time_t)seconds};

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static void take_row(struct row *r, const struct gather *now, const struct gather *before)
{
	const long long start = r->proc.start;
	struct text old;

	r->pid = now->pid;
	r->mallocs_rate = NAN;
	r->err = now->err;
	if (!process_look(r->pid, &r->proc))
		r->err = -ESRCH;
	if (!r->err)
		r->err = text_parse(&r->heap, now->text, now->len);
	if (r->err)
		return;
	if (!before) {
		r->mallocs_rate = rate(0, text_number(&r->heap, "mallocs"), r->proc.age);
	} else if (start == r->proc.start && before->text &&
		   !text_parse(&old, before->text, before->len)) {
		r->mallocs_rate = rate(text_number(&old, "mallocs"),
				       text_number(&r->heap, "mallocs"), now->when - before->when);
		text_free(&old);
	}
}

static void print_row(struct row *r)
{
	char in_use[HUMAN_ROOM], mapped[HUMAN_ROOM], mallocs[HUMAN_ROOM];
	const char *said = text_value(&r->heap, "mode");
	char mode[9];

	snprintf(mode, sizeof(mode), "%s", said ? said : "-");
	human_printable(mode);
	human_bytes(in_use, r->err ? NAN : (double)text_number(&r->heap, "in_use"));
	human_bytes(mapped, r->err ? NAN : (double)text_number(&r->heap, "mapped"));
	human_count(mallocs, r->mallocs_rate);
	human_printable(r->proc.command);
	printf("%7d %7s %7s %9s %-8s %s\n", (int)r->pid, in_use, mapped, mallocs, mode,
	       r->proc.command);
}

static void print_json(const struct row *rows, int nr)
{
	int printed = 0;

	putchar('[');
	for (int i = 0; i < nr; i++) {
		const struct row *r = &rows[i];

		if (r->err == -ESRCH)
			continue;
		printf("%s\n  {\"pid\": %d, \"comm\": ", printed++ ? "," : "", (int)r->pid);
		json_string(stdout, r->proc.comm);
		fputs(", \"command\": ", stdout);
		json_string(stdout, r->proc.command);
		if (r->err) {
			fputs(", \"error\": ", stdout);
			json_string(stdout, strerror(-r->err));
			putchar('}');
			continue;
		}
		for (int k = 0; k < r->heap.nr_keys; k++) {
			fputs(", ", stdout);
			json_string(stdout, r->heap.keys[k].key);
			fputs(": ", stdout);
			json_value(stdout, r->heap.keys[k].key, r->heap.keys[k].value);
		}
		if (isnan(r->mallocs_rate))
			fputs(", \"mallocs_per_second\": null}", stdout);
		else
			printf(", \"mallocs_per_second\": %.1f}", r->mallocs_rate);
	}
	puts(printed ? "\n]" : "]");
}

static void print_rows(struct row *rows, int nr, bool json)
{
	if (json) {
		print_json(rows, nr);
		return;
	}
	printf("%7s %7s %7s %9s %-8s %s\n", "PID", "IN_USE", "MAPPED", "MALLOCS/s", "MODE",
	       "COMMAND");
	for (int i = 0; i < nr; i++)
		if (rows[i].err != -ESRCH)
			print_row(&rows[i]);
}

int list_main(bool json, double seconds)
{
	struct gather *now, *before;
	struct row *rows;
	pid_t *pids;
	int nr = client_list(&pids);

	if (nr < 0)
		return fail("the list of processes: %s", strerror(-nr));
	now = calloc(nr + 1, sizeof(*now));
	before = calloc(nr + 1, sizeof(*before));
	rows = calloc(nr + 1, sizeof(*rows));
	if (!now || !before || !rows)
		return fail("%s", strerror(ENOMEM));
	if (seconds > 0) {
		/* Before the first reading: another process may have the number at the second. */
		for (int i = 0; i < nr; i++)
			process_look(pids[i], &rows[i].proc);
		read_all(before, pids, nr);
		pause_for(seconds);
	}
	read_all(now, pids, nr);
	for (int i = 0; i < nr; i++)
		take_row(&rows[i], &now[i], seconds > 0 ? &before[i] : NULL);
	print_rows(rows, nr, json);

	for (int i = 0; i < nr; i++)
		text_free(&rows[i].heap);
	gather_free(now, nr);
	gather_free(before, nr);
	free(now);
	free(before);
	free(rows);
	free(pids);
	return finish_output();
}
