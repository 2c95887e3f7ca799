// SPDX-License-Identifier: MIT
#include "limiter.h"

#define EMPTIER 8u /* limiting ends where the bucket is 1/8 below full */

void limiter_init(struct limiter *l, u64 window_ns, u32 cpus)
{
	*l = (struct limiter){.size = window_ns * max(cpus, 1u)};
}

bool limiter_update(struct limiter *l, u64 gc_ns, u64 total_ns)
{
	u64 total, gc, rest;

	if (total_ns <= l->total_ns)
		return l->limiting;
	total = total_ns - l->total_ns;
	gc = gc_ns > l->gc_ns ? min(gc_ns - l->gc_ns, total) : 0;
	rest = total - gc;
	l->total_ns = total_ns;
	l->gc_ns += gc;
	if (l->limiting)
		l->limited_ns += total;
	if (gc >= rest)
		l->fill = min(l->fill + (gc - rest), 2 * l->size);
	else
		l->fill -= min(l->fill, rest - gc);
	if (l->fill >= l->size)
		WRITE_ONCE(l->limiting, true);
	else if (l->fill <= l->size - l->size / EMPTIER)
		WRITE_ONCE(l->limiting, false);
	return l->limiting;
}
