/* SPDX-License-Identifier: MIT */
/*
 * hist.h - a histogram of times: 64 buckets for each power of two, so that a
 * value read from it is at most 1.6% too large. The largest is exact.
 */
#ifndef LANE_BENCH_HIST_H
#define LANE_BENCH_HIST_H

#include "../bench.h"

#define HIST_BITS 6
#define HIST_SUB (1u << HIST_BITS)
#define HIST_BUCKETS (HIST_SUB * 36) /* up to 2^41 ns */

struct hist {
	uint64_t n, max; /* values; ns */
	double sum;	 /* ns */
	uint64_t count[HIST_BUCKETS];
};

static inline unsigned int hist_bucket(uint64_t ns)
{
	unsigned int shift, b;

	if (ns < HIST_SUB)
		return (unsigned int)ns;
	shift = 63 - HIST_BITS - (unsigned int)__builtin_clzll(ns);
	b = (shift << HIST_BITS) + (unsigned int)(ns >> shift);
	return b < HIST_BUCKETS ? b : HIST_BUCKETS - 1;
}

/* The largest value that falls into @bucket. */
static inline uint64_t hist_upper(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 2 * HIST_SUB)
		return bucket;
	shift = (bucket >> HIST_BITS) - 1;
	return (((uint64_t)(bucket & (HIST_SUB - 1)) + HIST_SUB + 1) << shift) - 1;
}

static inline void hist_add(struct hist *h, uint64_t ns)
{
	h->count[hist_bucket(ns)]++;
	h->n++;
	h->sum += (double)ns;
	if (ns > h->max)
		h->max = ns;
}

/* Before the first use, too: no page of it is then to be faulted in while time is measured. */
static inline void hist_clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

static inline void hist_merge(struct hist *to, const struct hist *from)
{
	for (unsigned int i = 0; i < HIST_BUCKETS; i++)
		to->count[i] += from->count[i];
	to->n += from->n;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
}

/* The value that a share @q of all does not exceed. */
static inline uint64_t hist_at(const struct hist *h, double q)
{
	uint64_t want = (uint64_t)(q * (double)h->n), seen = 0;

	if (!h->n)
		return 0;
	for (unsigned int i = 0; i < HIST_BUCKETS; i++) {
		seen += h->count[i];
		if (seen > want)
			return hist_upper(i) < h->max ? hist_upper(i) : h->max;
	}
	return h->max;
}

/* Lines "upper_ns count" of the buckets that hold something, for plots. */
static inline void hist_save(const struct hist *h, const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die("bench: cannot write the histogram");
	for (unsigned int i = 0; i < HIST_BUCKETS; i++)
		if (h->count[i])
			fprintf(f, "%llu %llu\n", (unsigned long long)hist_upper(i),
				(unsigned long long)h->count[i]);
	fclose(f);
}

static inline void hist_put(const struct hist *h, const char *name)
{
	static const struct {
		const char *name;
		double q;
	} points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}};
	char text[64];

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		snprintf(text, sizeof(text), "%s.%s", name, points[i].name);
		put(text, (double)hist_at(h, points[i].q) / 1e3, "us");
	}
	snprintf(text, sizeof(text), "%s.max", name);
	put(text, (double)h->max / 1e3, "us");
}

#endif /* LANE_BENCH_HIST_H */
