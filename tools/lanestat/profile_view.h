/* SPDX-License-Identifier: MIT */
/*
 * profile_view.h - one or two readings of a profile, sorted, to be shown as text
 * (profile.c) or as JSON (profile_json.c).
 */
#ifndef LANESTAT_PROFILE_VIEW_H
#define LANESTAT_PROFILE_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "profile.h"
#include "symbols.h"

/* A site of the last reading, and what it had in the first one. */
struct profile_row {
	const struct profile_site *site;
	int64_t was[PROFILE_VALUES]; /* 0 where there is no other reading */
	int64_t key;		     /* bytes to sort by */
};

struct profile_view {
	pid_t pid;
	const struct profile *now, *before; /* before: NULL where there is no other reading */
	double seconds;			    /* between the two */
	bool by_alloc;		  /* sorted by what was allocated, not by what is in use */
	struct profile_row *rows; /* one for each site of now, the largest key first */
	size_t nr_shown;	  /* of them */
	struct symbols *symbols;
};

/* The rows, from malloc(); NULL without memory. Sorted by growth where there is @before. */
struct profile_row *profile_rows(const struct profile *now, const struct profile *before,
				 bool by_alloc);

static inline int64_t profile_grown(const struct profile_row *r, enum profile_value v)
{
	return r->site->value[v] - r->was[v];
}

/* One object and a newline. */
void profile_json(FILE *out, const struct profile_view *v);

#endif /* LANESTAT_PROFILE_VIEW_H */
