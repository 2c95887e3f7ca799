// SPDX-License-Identifier: MIT
/* The tables of lanestat top: which columns, and how a row comes from the files of a process. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "rate.h"
#include "top.h"

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum {
	C_SIZE,
	C_LIVE,
	C_IN_USE,
	C_CACHED,
	C_FREE,
	C_USE,
	C_MALLOCS,
	C_FREES,
	C_REFILLS,
	C_FLUSHES,
	C_SPANS,
	C_BYTES
};

static const struct column class_columns[] = {
	[C_SIZE] = {"SIZE", 6, CELL_NUMBER},	   [C_LIVE] = {"LIVE", 6, CELL_COUNT},
	[C_IN_USE] = {"IN_USE", 6, CELL_BYTES},	   [C_CACHED] = {"CACHED", 6, CELL_BYTES},
	[C_FREE] = {"FREE", 6, CELL_BYTES},	   [C_USE] = {"USE%", 4, CELL_PERCENT},
	[C_MALLOCS] = {"MALLOC/s", 8, CELL_COUNT}, [C_FREES] = {"FREE/s", 7, CELL_COUNT},
	[C_REFILLS] = {"REFILL/s", 8, CELL_COUNT}, [C_FLUSHES] = {"FLUSH/s", 7, CELL_COUNT},
	[C_SPANS] = {"SPANS", 6, CELL_COUNT},	   [C_BYTES] = {"SPAN_B", 6, CELL_BYTES},
};

enum {
	L_CPU,
	L_NODE,
	L_CACHED,
	L_CAPACITY,
	L_FILL,
	L_MALLOCS,
	L_FREES,
	L_REMOTE,
	L_REFILLS,
	L_FLUSHES
};

static const struct column lane_columns[] = {
	[L_CPU] = {"CPU", 4, CELL_NUMBER},	   [L_NODE] = {"NODE", 4, CELL_NUMBER},
	[L_CACHED] = {"CACHED", 6, CELL_BYTES},	   [L_CAPACITY] = {"CAPACITY", 8, CELL_BYTES},
	[L_FILL] = {"FILL", 12, CELL_BAR},	   [L_MALLOCS] = {"MALLOC/s", 8, CELL_COUNT},
	[L_FREES] = {"FREE/s", 7, CELL_COUNT},	   [L_REMOTE] = {"REMOTE/s", 8, CELL_COUNT},
	[L_REFILLS] = {"REFILL/s", 8, CELL_COUNT}, [L_FLUSHES] = {"FLUSH/s", 7, CELL_COUNT},
};

enum {
	N_NODE,
	N_LIVE,
	N_IN_USE,
	N_CACHED,
	N_FREE,
	N_RELEASED,
	N_MAPPED,
	N_MALLOCS,
	N_FREES,
	N_BOUND,
	N_METADATA
};

static const struct column node_columns[] = {
	[N_NODE] = {"NODE", 4, CELL_NUMBER},	    [N_LIVE] = {"LIVE", 6, CELL_COUNT},
	[N_IN_USE] = {"IN_USE", 6, CELL_BYTES},	    [N_CACHED] = {"CACHED", 6, CELL_BYTES},
	[N_FREE] = {"FREE", 6, CELL_BYTES},	    [N_RELEASED] = {"RELEASED", 8, CELL_BYTES},
	[N_MAPPED] = {"MAPPED", 6, CELL_BYTES},	    [N_MALLOCS] = {"MALLOC/s", 8, CELL_COUNT},
	[N_FREES] = {"FREE/s", 7, CELL_COUNT},	    [N_BOUND] = {"BOUND", 5, CELL_NAME},
	[N_METADATA] = {"METADATA", 8, CELL_BYTES},
};

enum {
	P_PID,
	P_COMMAND,
	P_IN_USE,
	P_CACHED,
	P_FREE,
	P_MAPPED,
	P_MALLOCS,
	P_FREES,
	P_REFILLS,
	P_RELEASED,
	P_REMOTE,
	P_MODE
};

static const struct column process_columns[] = {
	[P_PID] = {"PID", 7, CELL_NUMBER},	   [P_COMMAND] = {"COMMAND", 15, CELL_NAME},
	[P_IN_USE] = {"IN_USE", 6, CELL_BYTES},	   [P_CACHED] = {"CACHED", 6, CELL_BYTES},
	[P_FREE] = {"FREE", 6, CELL_BYTES},	   [P_MAPPED] = {"MAPPED", 6, CELL_BYTES},
	[P_MALLOCS] = {"MALLOC/s", 8, CELL_COUNT}, [P_FREES] = {"FREE/s", 7, CELL_COUNT},
	[P_REFILLS] = {"REFILL/s", 8, CELL_COUNT}, [P_RELEASED] = {"RELEASED", 8, CELL_BYTES},
	[P_REMOTE] = {"REMOTE/s", 8, CELL_COUNT},  [P_MODE] = {"MODE", 8, CELL_NAME},
};

const struct top_view_kind top_views[NR_VIEWS] = {
	[VIEW_CLASSES] = {"classes", class_columns, COUNT_OF(class_columns), C_IN_USE},
	[VIEW_LANES] = {"lanes", lane_columns, COUNT_OF(lane_columns), L_CPU},
	[VIEW_NODES] = {"nodes", node_columns, COUNT_OF(node_columns), N_NODE},
	[VIEW_PROCESSES] = {"processes", process_columns, COUNT_OF(process_columns), P_IN_USE},
};

/* A row of a file, then and now. */
struct row {
	const struct text *now, *before;
	int at, was; /* was is -1 where it is new */
	double seconds;
};

static double value(const struct row *r, const char *column)
{
	return (double)text_cell(r->now, r->at, text_column(r->now, column));
}

static double rate_of(const struct row *r, const char *column)
{
	int c = text_column(r->now, column);

	if (r->was < 0)
		return NAN;
	return rate(text_cell(r->before, r->was, text_column(r->before, column)),
		    text_cell(r->now, r->at, c), r->seconds);
}

static struct row row_of(const struct member *m, enum fleet_file file, int at)
{
	struct row r = {.now = &m->now.text[file],
			.before = &m->before.text[file],
			.at = at,
			.seconds = fleet_seconds(m)};

	r.was = m->before.have ? text_row(r.before, text_cell(r.now, at, 0)) : -1;
	return r;
}

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

static bool nothing(const double *values, int nr)
{
	for (int i = 0; i < nr; i++)
		if (values[i] > 0)
			return false;
	return true;
}

static void class_row(struct grid *g, const struct row *r, bool idle)
{
	double size = value(r, "size");
	double seen[] = {value(r, "live"), value(r, "spans"), value(r, "mallocs")};
	struct cell *c;

	if ((!idle && nothing(seen, 3)) || !(c = grid_add(g)))
		return;
	/* Row 0 is of all large objects. */
	c[C_SIZE].number = size > 0 ? size : INFINITY;
	c[C_SIZE].text = size > 0 ? NULL : "large";
	c[C_LIVE].number = seen[0];
	c[C_IN_USE].number = value(r, "in_use");
	c[C_CACHED].number = (value(r, "cpu_cached") + value(r, "transfer_cached")) * size;
	c[C_FREE].number = value(r, "central_free") * size;
	c[C_USE].number = ratio(c[C_IN_USE].number, value(r, "span_bytes"));
	c[C_MALLOCS].number = rate_of(r, "mallocs");
	c[C_FREES].number = rate_of(r, "frees");
	c[C_REFILLS].number = rate_of(r, "refills");
	c[C_FLUSHES].number = rate_of(r, "flushes");
	c[C_SPANS].number = seen[1];
	c[C_BYTES].number = value(r, "span_bytes");
}

static void lane_row(struct grid *g, const struct row *r, bool idle)
{
	double seen[] = {value(r, "cached"), value(r, "mallocs"), value(r, "frees")};
	struct cell *c;

	if ((!idle && nothing(seen, 3)) || !(c = grid_add(g)))
		return;
	/* CPU -1 is what goes past the caches; it stands last, as in the file. */
	c[L_CPU].number = value(r, "cpu");
	c[L_NODE].number = value(r, "node");
	if (c[L_CPU].number < 0) {
		c[L_CPU] = (struct cell){.number = INFINITY, .text = "past"};
		c[L_NODE] = (struct cell){.number = INFINITY, .text = "-"};
	}
	c[L_CACHED].number = seen[0];
	c[L_CAPACITY].number = value(r, "capacity");
	c[L_FILL].number = ratio(c[L_CACHED].number, c[L_CAPACITY].number);
	c[L_MALLOCS].number = rate_of(r, "mallocs");
	c[L_FREES].number = rate_of(r, "frees");
	c[L_REMOTE].number = rate_of(r, "remote_frees");
	c[L_REFILLS].number = rate_of(r, "refills");
	c[L_FLUSHES].number = rate_of(r, "flushes");
}

static void node_row(struct grid *g, const struct row *r, bool idle)
{
	struct composition of = totals_row(r->now, r->at);
	struct cell *c = grid_add(g);

	(void)idle; /* nodes are few */
	if (!c)
		return;
	c[N_NODE].number = of.node;
	if (of.node < 0)
		c[N_NODE] = (struct cell){.number = INFINITY, .text = "none"};
	c[N_LIVE].number = value(r, "live_objects");
	c[N_IN_USE].number = (double)of.in_use;
	c[N_CACHED].number = (double)of.cached;
	c[N_FREE].number = (double)of.free;
	c[N_RELEASED].number = (double)of.released;
	c[N_MAPPED].number = (double)of.mapped;
	c[N_MALLOCS].number = rate_of(r, "mallocs");
	c[N_FREES].number = rate_of(r, "frees");
	c[N_BOUND].text = value(r, "bound") > 0 ? "yes" : "no";
	c[N_METADATA].number = (double)of.metadata;
}

static void process_row(struct grid *g, const struct member *m)
{
	struct operation_rates rates = fleet_rates(m);
	struct composition sum = {0}, nodes[TOTALS_NODES];
	struct cell *c = grid_add(g);
	int nr = 0;

	if (!c)
		return;
	c[P_PID].number = m->pid;
	c[P_COMMAND].text = m->proc.comm;
	c[P_MODE].text = m->mode;
	/* Without an answer there is no rate, and the last sizes stay. */
	if (m->err)
		c[P_MALLOCS].text = m->err == -EACCES ? "denied" : "silent";
	if (!m->now.have)
		return;
	totals_add(&sum, nodes, &nr, &m->now.text[FLEET_NODEINFO]);
	c[P_IN_USE].number = (double)sum.in_use;
	c[P_CACHED].number = (double)sum.cached;
	c[P_FREE].number = (double)sum.free;
	c[P_MAPPED].number = (double)sum.mapped;
	c[P_MALLOCS].number = rates.mallocs;
	c[P_FREES].number = rates.frees;
	c[P_REFILLS].number = rates.refills;
	c[P_RELEASED].number = (double)sum.released;
	c[P_REMOTE].number = rates.remote_frees;
}

static void file_rows(const struct top *t, struct grid *g, enum fleet_file file,
		      void (*add)(struct grid *g, const struct row *r, bool idle))
{
	const struct member *m = t->fleet.nr ? &t->fleet.members[0] : NULL;

	if (!m || !m->now.have)
		return;
	for (int i = 0; i < m->now.text[file].nr_rows; i++) {
		struct row r = row_of(m, file, i);

		add(g, &r, t->idle);
	}
}

void top_grid(const struct top *t, struct grid *g)
{
	const struct top_view_kind *v = &top_views[t->view];

	grid_init(g, v->columns, v->nr_columns);
	switch (t->view) {
	case VIEW_CLASSES:
		file_rows(t, g, FLEET_CLASSINFO, class_row);
		break;
	case VIEW_LANES:
		file_rows(t, g, FLEET_CPUINFO, lane_row);
		break;
	case VIEW_NODES:
		file_rows(t, g, FLEET_NODEINFO, node_row);
		break;
	default:
		for (int i = 0; i < t->fleet.nr; i++)
			process_row(g, &t->fleet.members[i]);
	}
	grid_sort(g, t->sort[t->view], t->falling[t->view]);
}
