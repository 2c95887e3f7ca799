// SPDX-License-Identifier: MIT
/*
 * lanestat profile --json: sums, then a row for each site with its stack, innermost
 * call first; with two readings each number has its growth beside it.
 */
#include <inttypes.h>

#include "json.h"
#include "process.h"
#include "profile_view.h"

static const char *const keys[PROFILE_VALUES] = {
	[PROFILE_ALLOC_OBJECTS] = "allocated_objects",
	[PROFILE_ALLOC_BYTES] = "allocated",
	[PROFILE_INUSE_OBJECTS] = "in_use_objects",
	[PROFILE_INUSE_BYTES] = "in_use",
};

static void put_values(FILE *out, const int64_t *now, const int64_t *before)
{
	for (int v = 0; v < PROFILE_VALUES; v++)
		fprintf(out, "%s\"%s\": %" PRId64, v ? ", " : "", keys[v], now[v]);
	for (int v = 0; before && v < PROFILE_VALUES; v++)
		fprintf(out, ", \"%s_growth\": %" PRId64, keys[v], now[v] - before[v]);
}

static void put_frame(FILE *out, uint64_t pc, const struct frame *f, bool inlined)
{
	fprintf(out, "{\"address\": \"0x%" PRIx64 "\", \"function\": ", pc);
	json_string(out, f->function);
	if (f->module[0]) {
		fputs(", \"module\": ", out);
		json_string(out, f->module);
	}
	if (f->file) {
		fputs(", \"file\": ", out);
		json_string(out, f->file);
		fprintf(out, ", \"line\": %d", f->line);
	}
	fprintf(out, ", \"inlined\": %s}", inlined ? "true" : "false");
}

static void put_stack(FILE *out, struct symbols *symbols, const struct profile_site *s)
{
	const char *between = "\n      ";

	fputs(", \"stack\": [", out);
	for (uint32_t i = 0; i < s->depth; i++) {
		const struct place *p = symbols_at(symbols, s->pc[i]);

		for (int f = 0; p && f < p->nr_frames; f++) {
			fputs(between, out);
			put_frame(out, s->pc[i], &p->frames[f], f + 1 < p->nr_frames);
			between = ",\n      ";
		}
	}
	fputc(']', out);
}

void profile_json(FILE *out, const struct profile_view *v)
{
	const struct profile *now = v->now;
	struct process process;

	process_look(v->pid, &process);
	fprintf(out, "{\n  \"pid\": %d, \"comm\": ", (int)v->pid);
	json_string(out, process.comm);
	fprintf(out,
		", \"rate\": %" PRId64 ", \"samples\": %" PRIu64 ", \"samples_lost\": %" PRIu64
		",\n  \"sites\": %zu",
		now->rate, now->samples, now->lost, now->nr_sites);
	if (v->before)
		fprintf(out, ", \"seconds\": %g", v->seconds);
	fputs(",\n  ", out);
	put_values(out, now->sum, v->before ? v->before->sum : NULL);
	fputs(",\n  \"rows\": [", out);
	for (size_t i = 0; i < v->nr_shown; i++) {
		const struct profile_row *r = &v->rows[i];

		fputs(i ? ",\n    {" : "\n    {", out);
		put_values(out, r->site->value, v->before ? r->was : NULL);
		put_stack(out, v->symbols, r->site);
		fputc('}', out);
	}
	fputs("\n  ]\n}\n", out);
}
