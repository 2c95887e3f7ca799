/* SPDX-License-Identifier: MIT */
#ifndef LANESTAT_RATE_H
#define LANESTAT_RATE_H

#include <stdint.h>

/*
 * rate - how fast a counter grew between two snapshots, a second
 *
 * NaN where that cannot be said: no time passed, or the counter fell, which
 * means that another process has the number now.
 */
double rate(int64_t before, int64_t after, double seconds);

/* @a + @b, where one that is not known counts as nothing, and two stay unknown. */
double rate_add(double a, double b);

#endif /* LANESTAT_RATE_H */
