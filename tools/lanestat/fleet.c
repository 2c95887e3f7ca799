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

#define REST_ROUNDS 4 /* for one that did not answer */

/* The last one only until the mode is known. */
static const char *const file_names[FLEET_FILES + 1] = {"nodeinfo", "classinfo", "cpuinfo",
							"heapinfo"};

static int nr_asked(const struct member *m)
{
	return *m->mode ? FLEET_FILES : FLEET_FILES + 1;
}

static void drop_sample(struct sample *s)
{
	if (s->have)
		text_free(&s->text);
	s->have = false;
}

static void drop(struct member *m)
{
	for (int i = 0; i < FLEET_FILES; i++) {
		drop_sample(&m->now[i]);
		drop_sample(&m->before[i]);
	}
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

/* Who is there now; the rest is dropped. */
static int muster(struct fleet *f)
{
	struct process proc;
	pid_t *pids = NULL;
	int kept = 0, err = 0;
	int nr = f->only ? 1 : client_list(&pids);

	/* What the only one said last is kept. */
	if (f->only && !process_look(f->only, &proc))
		return -ESRCH;
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

static void take_mode(struct member *m, const struct gather *g)
{
	const char *mode;
	struct text t;

	if (!g->text || text_parse(&t, g->text, g->len))
		return;
	mode = text_value(&t, "mode");
	snprintf(m->mode, sizeof(m->mode), "%s", mode ? mode : "?");
	human_printable(m->mode);
	text_free(&t);
}

static void take_answers(struct member *m, struct gather *g)
{
	m->err = 0;
	for (int i = 0; i < FLEET_FILES; i++) {
		struct sample s = {.when = g[i].when, .have = true};
		int err = g[i].err ? g[i].err : text_parse(&s.text, g[i].text, g[i].len);

		if (err) {
			m->err = err;
			continue;
		}
		drop_sample(&m->before[i]);
		m->before[i] = m->now[i];
		m->now[i] = s;
	}
	if (!*m->mode)
		take_mode(m, &g[FLEET_FILES]);
	m->rest = m->err == -EIO ? REST_ROUNDS : 0;
}

int fleet_refresh(struct fleet *f)
{
	struct gather *all;
	int n = 0, err = muster(f);

	if (err)
		return err;
	all = calloc((size_t)f->nr * (FLEET_FILES + 1) + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (int i = 0; i < f->nr; i++) {
		struct member *m = &f->members[i];

		for (int k = 0; k < nr_asked(m) && !m->rest; k++)
			all[n++] = (struct gather){.pid = m->pid, .name = file_names[k]};
	}
	gather(all, n);
	n = 0;
	for (int i = 0; i < f->nr; i++) {
		struct member *m = &f->members[i];
		int asked = nr_asked(m);

		if (m->rest) {
			m->rest--;
			continue;
		}
		take_answers(m, all + n);
		n += asked;
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

double fleet_seconds(const struct member *m, enum fleet_file file)
{
	if (m->err || !m->before[file].have)
		return 0;
	return m->now[file].when - m->before[file].when;
}

struct operations fleet_operations(const struct member *m)
{
	return totals_operations(&m->now[FLEET_CLASSINFO].text, &m->now[FLEET_CPUINFO].text);
}

struct operation_rates fleet_rates(const struct member *m)
{
	struct operations before =
		totals_operations(&m->before[FLEET_CLASSINFO].text, &m->before[FLEET_CPUINFO].text);
	struct operations now = fleet_operations(m);

	return totals_rates(&before, &now, fleet_seconds(m, FLEET_CLASSINFO),
			    fleet_seconds(m, FLEET_CPUINFO));
}
