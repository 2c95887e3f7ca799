// SPDX-License-Identifier: MIT
/* The sites of two readings brought together, and put in order. */
#include "profile_view.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct profile_row *x = a, *y = b;

	return (x->key < y->key) - (x->key > y->key);
}

struct profile_row *profile_rows(const struct profile *now, const struct profile *before,
				 bool by_alloc)
{
	enum profile_value v = by_alloc ? PROFILE_ALLOC_BYTES : PROFILE_INUSE_BYTES;
	struct profile_row *rows = calloc(now->nr_sites + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < now->nr_sites; i++) {
		const struct profile_site *s = &now->sites[i], *old = NULL;

		rows[i].site = s;
		if (before && before->nr_sites)
			old = bsearch(s, before->sites, before->nr_sites, sizeof(*s),
				      profile_order);
		if (old)
			memcpy(rows[i].was, old->value, sizeof(old->value));
		rows[i].key = profile_grown(&rows[i], v);
	}
	if (rows)
		qsort(rows, now->nr_sites, sizeof(*rows), compare);
	return rows;
}
