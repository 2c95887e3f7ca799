// SPDX-License-Identifier: MIT
#include "fleet.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "gather.h"
#include "human.h"
#include "sections.h"

#define REST_ROUNDS 4 /* for one that did not answer */

static const char *const file_names[FLEET_FILES] = {"nodeinfo", "classinfo", "cpuinfo", "heapinfo"};

static void drop_sample(struct sample *s)
{
	for (int i = 0; i < FLEET_FILES; i++)
		text_free(&s->text[i]);
	s->have = false;
}

static void drop(struct member *m)
{
	drop_sample(&m->now);
	drop_sample(&m->before);
}

struct member *fleet_find(const struct fleet *f, pid_t pid)
{
	for (int i = 0; i < f->nr; i++)
		if (f->members[i].pid == pid)
			return &f->members[i];
	return NULL;
}

static int by_number(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int add(struct fleet *f, pid_t pid, const struct process *proc)
{
	struct member *all = reallocarray(f->members, f->nr + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	f->members = all;
	all[f->nr] = (struct member){.pid = pid, .proc = *proc, .here = true};
	human_printable(all[f->nr].proc.comm);
	human_printable(all[f->nr].proc.command);
	f->nr++;
	return 0;
}

static int meet(struct fleet *f, pid_t pid)
{
	struct member *m = fleet_find(f, pid);
	struct process proc;

	if (!process_look(pid, &proc))
		return 0;
	if (!m)
		return add(f, pid, &proc);
	if (m->proc.start != proc.start) {
		drop(m);
		*m = (struct member){.pid = pid};
	}
	m->proc = proc;
	human_printable(m->proc.comm);
	human_printable(m->proc.command);
	m->here = true;
	return 0;
}

/* What the only one said last is kept; it may have been chosen among many. */
static void keep_only(struct fleet *f)
{
	int kept = 0;

	for (int i = 0; i < f->nr; i++) {
		if (f->members[i].pid == f->only)
			f->members[kept++] = f->members[i];
		else
			drop(&f->members[i]);
	}
	f->nr = kept;
}

/* Who is there now; the rest is dropped. */
static int muster(struct fleet *f)
{
	struct process proc;
	pid_t *pids = NULL;
	int kept = 0, err = 0;
	int nr = f->only ? 1 : client_list(&pids);

	if (f->only && !process_look(f->only, &proc)) {
		keep_only(f);
		return -ESRCH;
	}
	if (nr < 0)
		return nr;
	for (int i = 0; i < f->nr; i++)
		f->members[i].here = false;
	for (int i = 0; i < nr && !err; i++)
		err = meet(f, f->only ? f->only : pids[i]);
	free(pids);
	for (int i = 0; i < f->nr; i++) {
		if (f->members[i].here)
			f->members[kept++] = f->members[i];
		else
			drop(&f->members[i]);
	}
	f->nr = kept;
	if (kept)
		qsort(f->members, kept, sizeof(*f->members), by_number);
	return err ? err : (f->only && !kept ? -ESRCH : 0);
}

static void take_mode(struct member *m)
{
	const char *mode = text_value(&m->now.text[FLEET_HEAPINFO], "mode");

	snprintf(m->mode, sizeof(m->mode), "%s", mode ? mode : "?");
	human_printable(m->mode);
}

static void take_answer(struct member *m, const struct gather *g)
{
	struct sample s = {.when = g->when, .have = true};

	m->err = g->err;
	for (int i = 0; i < FLEET_FILES && !m->err; i++)
		m->err = section_parse(&s.text[i], g->text, g->len, file_names[i]);
	m->rest = m->err == -EIO ? REST_ROUNDS : 0;
	if (m->err) {
		drop_sample(&s);
		return;
	}
	drop_sample(&m->before);
	m->before = m->now;
	m->now = s;
	take_mode(m);
}

int fleet_refresh(struct fleet *f)
{
	struct gather *all;
	int n = 0, err = muster(f);

	if (err)
		return err;
	all = calloc((size_t)f->nr + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (int i = 0; i < f->nr; i++)
		if (!f->members[i].rest)
			all[n++] = (struct gather){.pid = f->members[i].pid, .name = "all"};
	gather(all, n);
	n = 0;
	for (int i = 0; i < f->nr; i++) {
		struct member *m = &f->members[i];

		if (m->rest)
			m->rest--;
		else
			take_answer(m, &all[n++]);
	}
	gather_free(all, n);
	free(all);
	if (f->only && f->members[0].err == -ESRCH)
		return -ESRCH;
	return 0;
}

void fleet_free(struct fleet *f)
{
	for (int i = 0; i < f->nr; i++)
		drop(&f->members[i]);
	free(f->members);
	*f = (struct fleet){.only = f->only};
}

double fleet_seconds(const struct member *m)
{
	if (m->err || !m->before.have)
		return 0;
	return m->now.when - m->before.when;
}

struct operations fleet_operations(const struct member *m)
{
	return totals_operations(&m->now.text[FLEET_CLASSINFO], &m->now.text[FLEET_CPUINFO]);
}

struct operation_rates fleet_rates(const struct member *m)
{
	struct operations before =
		totals_operations(&m->before.text[FLEET_CLASSINFO], &m->before.text[FLEET_CPUINFO]);
	struct operations now = fleet_operations(m);

	return totals_rates(&before, &now, fleet_seconds(m));
}
