/* SPDX-License-Identifier: MIT */
/*
 * prof_draw.h - which allocations are sampled, and what each sample stands for.
 *
 * The samples are the points of a Poisson process over the allocated bytes, with
 * one point each @rate bytes in the mean. So an object of @size bytes is sampled
 * (holds a point) with p = 1 - exp(-size / rate), whatever went before. Among
 * objects of one size the gap from one sample to the next is geometric, and as
 * that has no memory, gaps may be drawn for each CPU and class apart, drawn anew
 * at any time, and a single trial may take the place of a gap. One sampled object
 * stands for 1 / p allocated ones.
 *
 * All in fixed point, without the mathematical library: exact to 2e-5, good
 * from PROF_RATE_MIN to PROF_RATE_MAX (prof.h).
 */
#ifndef PERCPU_PROF_DRAW_H
#define PERCPU_PROF_DRAW_H

#include "compiler.h"

#define PROF_WEIGHT_SHIFT 16 /* weights are in units of 2^-16 objects */
#define PROF_MEAN_SHIFT 24   /* means in units of 2^-24 objects */

/* Once, before the first draw; other numbers in each process. */
void prof_draw_init(void);

/* 64 random bits; any number of threads. */
u64 prof_random(void);

/* -ln(@r / 2^64) in units of 2^-32, for 0 as for 1: exponential, mean 1, for a random @r. */
u64 prof_exponential(u64 r);

/*
 * Allocations of @size bytes until one is sampled, that one included; @limit
 * where it is more. @rate is not 0.
 */
u64 prof_gap(u64 rate, u64 size, u64 limit);

/* The same by rate / size, which a caller may keep: prof_mean(). */
u64 prof_gap_of(u64 mean, u64 limit);
u64 prof_mean(u64 rate, u64 size);

/* Whether one allocation of @size bytes is sampled; @rate 0: never. */
bool prof_hit(u64 rate, u64 size);

/* 1 / p << PROF_WEIGHT_SHIFT, at least 1 << PROF_WEIGHT_SHIFT. */
u64 prof_weight(u64 rate, u64 size);

/* What tests may change; zeroes in use. */
struct prof_draw_test {
	bool uniform; /* gaps evenly from 1 to twice the mean: the broken twin */
};
extern struct prof_draw_test prof_draw_test;

#endif
