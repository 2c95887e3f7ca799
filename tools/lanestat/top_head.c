// SPDX-License-Identifier: MIT
/* The head of lanestat top: who, rates, sums, and the nodes' memory as bars of one scale. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bar.h"
#include "human.h"
#include "top.h"

#define SHORTEST_BAR 8

struct sums {
	struct composition all, nodes[TOTALS_NODES];
	int nr_nodes;
	struct operations ops;
	struct operation_rates rates;
	int asked; /* processes that have answered at least once */
};

static void add_up(const struct top *t, struct sums *s)
{
	memset(s, 0, sizeof(*s));
	s->rates = (struct operation_rates){NAN, NAN, NAN, NAN, NAN};
	for (int i = 0; i < t->fleet.nr; i++) {
		const struct member *m = &t->fleet.members[i];
		struct operations ops = fleet_operations(m);
		struct operation_rates rates = fleet_rates(m);

		totals_add(&s->all, s->nodes, &s->nr_nodes, &m->now.text[FLEET_NODEINFO]);
		totals_add_rates(&s->rates, &rates);
		s->ops.mallocs += ops.mallocs;
		s->ops.frees += ops.frees;
		s->ops.refills += ops.refills;
		s->asked += m->now.have;
	}
}

static void pair(struct line *l, const char *name, const char *value)
{
	line_add(l, PAINT_PLAIN, "%s%s ", l->len ? "  " : "", name);
	line_add(l, PAINT_BOLD, "%s", value);
}

static const char *duration(char *buf, double seconds)
{
	long s = seconds > 0 ? (long)seconds : 0;

	if (s >= 86400)
		snprintf(buf, 32, "%ldd %02ld:%02ld", s / 86400, s / 3600 % 24, s / 60 % 60);
	else
		snprintf(buf, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	return buf;
}

static void who(const struct top *t, const struct sums *s, int width, struct line *l)
{
	const struct member *m = t->fleet.nr ? &t->fleet.members[0] : NULL;
	char buf[32], clock[16];
	time_t now = time(NULL);

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
	line_add(l, PAINT_BOLD, "lanestat");
	if (!t->fleet.only)
		line_add(l, PAINT_PLAIN, "  %d process%s", s->asked, s->asked == 1 ? "" : "es");
	else if (m)
		line_add(l, PAINT_PLAIN, "  %d %s  %s  up %s", (int)m->pid, m->proc.comm, m->mode,
			 duration(buf, m->proc.age));
	else
		line_add(l, PAINT_PLAIN, "  %d", (int)t->fleet.only);
	line_add(l, PAINT_PLAIN, "  every %gs", t->seconds);
	line_pad(l, width - (int)strlen(clock));
	line_add(l, PAINT_PLAIN, "%s", clock);
}

static void speeds(const struct sums *s, struct line *l)
{
	char b[HUMAN_ROOM];

	pair(l, "mallocs/s", human_count(b, s->rates.mallocs));
	pair(l, "frees/s", human_count(b, s->rates.frees));
	pair(l, "refills/s", human_count(b, s->rates.refills));
	pair(l, "flushes/s", human_count(b, s->rates.flushes));
	pair(l, "remote/s", human_count(b, s->rates.remote_frees));
}

static void counts(const struct sums *s, struct line *l)
{
	char b[HUMAN_ROOM];

	pair(l, "mallocs", human_count(b, (double)s->ops.mallocs));
	pair(l, "frees", human_count(b, (double)s->ops.frees));
	pair(l, "refills", human_count(b, (double)s->ops.refills));
	pair(l, "live objects", human_count(b, (double)(s->ops.mallocs - s->ops.frees)));
	pair(l, "metadata", human_bytes(b, (double)s->all.metadata));
}

static void bytes(const struct sums *s, struct line *l)
{
	char b[HUMAN_ROOM];

	pair(l, "in use", human_bytes(b, (double)s->all.in_use));
	pair(l, "cached", human_bytes(b, (double)s->all.cached));
	pair(l, "free", human_bytes(b, (double)s->all.free));
	pair(l, "released", human_bytes(b, (double)s->all.released));
	pair(l, "mapped", human_bytes(b, (double)s->all.mapped));
}

static double heap_of(const struct composition *c)
{
	return (double)(c->in_use + c->cached + c->free + c->released);
}

static void node_bar(const struct composition *c, double largest, int width, struct line *l)
{
	double parts[] = {(double)c->in_use, (double)c->cached, (double)c->free,
			  (double)c->released};
	char used[HUMAN_ROOM], all[HUMAN_ROOM];
	int cells[4], bar;

	line_add(l, PAINT_PLAIN, "node %-3d ", c->node);
	bar = width - l->len - 17;
	bar = bar < SHORTEST_BAR ? SHORTEST_BAR : bar;
	bar_split(parts, 4, largest, bar, cells);
	line_add(l, PAINT_BOLD, "[");
	line_fill(l, PAINT_USED, '#', cells[0]);
	line_fill(l, PAINT_CACHED, '+', cells[1]);
	line_fill(l, PAINT_FREE, '.', cells[2]);
	line_fill(l, PAINT_PLAIN, '_', cells[3]);
	line_fill(l, PAINT_PLAIN, ' ', bar - cells[0] - cells[1] - cells[2] - cells[3]);
	line_add(l, PAINT_BOLD, "]");
	line_add(l, PAINT_PLAIN, " %6s/%-6s", human_bytes(used, parts[0]),
		 human_bytes(all, heap_of(c)));
}

static void legend(int hidden, struct line *l)
{
	static const struct {
		enum paint paint;
		const char *mark, *name;
	} marks[] = {{PAINT_USED, "#", "in use"},
		     {PAINT_CACHED, "+", "cached"},
		     {PAINT_FREE, ".", "free"},
		     {PAINT_PLAIN, "_", "released"}};

	line_fill(l, PAINT_PLAIN, ' ', 9);
	for (int i = 0; i < 4; i++) {
		line_add(l, marks[i].paint, " %s", marks[i].mark);
		line_add(l, PAINT_PLAIN, " %s ", marks[i].name);
	}
	if (hidden > 0)
		line_add(l, PAINT_PLAIN, "  %d more nodes", hidden);
}

int top_head(const struct top *t, int width, int bars, struct line *lines, int room)
{
	static struct sums s;
	double largest = 0;
	int n = 0;

	add_up(t, &s);
	if (bars > s.nr_nodes)
		bars = s.nr_nodes;
	for (int i = 0; i < s.nr_nodes; i++)
		largest = fmax(largest, heap_of(&s.nodes[i]));
	for (int i = 0; i < room; i++)
		lines[i].len = 0;
	if (n < room)
		who(t, &s, width, &lines[n++]);
	if (n < room)
		speeds(&s, &lines[n++]);
	if (n < room)
		bytes(&s, &lines[n++]);
	if (n < room)
		counts(&s, &lines[n++]);
	for (int i = 0; i < bars && n < room; i++)
		node_bar(&s.nodes[i], largest, width, &lines[n++]);
	if (n < room && bars > 0)
		legend(s.nr_nodes - bars, &lines[n++]);
	return n;
}
