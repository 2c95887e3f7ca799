// SPDX-License-Identifier: MIT
/*
 * The arithmetic of sampling against the mathematical library: the logarithm
 * is right to 1e-6, weights to 2e-5, gaps and trials have the mean and the variance that
 * an unbiased profile needs, from the smallest size and rate to the largest.
 */
#include "unit.h"

#include <math.h>

#include "prof.h"
#include "prof_draw.h"

#define GAPS (ksft_quick() ? 200000 : 2000000)
#define SIGMAS 5.0 /* a right program fails one of the comparisons once in 100,000 runs */

static const u64 rates[] = {PROF_RATE_MIN, 4096, 65536, PROF_RATE_STANDARD, 2 << 20, PROF_RATE_MAX};
static const u64 sizes[] = {8, 16, 112, 1024, 3584, 32768, 1 << 20, 1ULL << 32, 1ULL << 41};

static double probability(u64 rate, u64 size)
{
	return -expm1(-(double)size / (double)rate);
}

static double worst_logarithm(uint64_t *rng)
{
	double worst = 0;

	for (int i = 0; i < 1000000; i++) {
		u64 r = (ksft_random(rng) >> ksft_random(rng) % 64) | 1;
		double is = (double)prof_exponential(r) / 0x1p32;
		double should = 64 * M_LN2 - (double)logl((long double)r);

		/* near 0 the unit of the last place decides */
		worst = fmax(worst, fabs(is - should) / fmax(should, 1e-3));
	}
	return worst;
}

static double worst_weight(void)
{
	double worst = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			double should = 1 / probability(rates[i], sizes[k]);
			double is =
				(double)prof_weight(rates[i], sizes[k]) / (1 << PROF_WEIGHT_SHIFT);

			worst = fmax(worst, fabs(is - should) / should);
		}
	}
	return worst;
}

/* How many standard errors the mean of the gaps lies off 1 / p; *@ratio: likewise the variance. */
static double gaps_off(u64 rate, u64 size, double *ratio)
{
	double p = probability(rate, size), mean = 1 / p, var = (1 - p) / (p * p);
	double sum = 0, squares = 0, n = GAPS;

	for (int i = 0; i < (int)n; i++) {
		double d = (double)prof_gap(rate, size, 1ULL << 62) - mean;

		sum += d;
		squares += d * d;
	}
	if (n * (1 - p) < 100)
		return *ratio = fabs(sum) < 200 ? 0 : SIGMAS;
	/* From the fourth moment of the distribution. */
	*ratio = (squares / n / var - 1) / sqrt((8 + p * p / (1 - p)) / n);
	return sum / sqrt(n * var);
}

static double hits_off(u64 rate, u64 size)
{
	double p = probability(rate, size), hits = 0, n = GAPS;

	for (int i = 0; i < (int)n; i++)
		hits += prof_hit(rate, size);
	if (n * p * (1 - p) < 1)
		return fabs(hits - n * p) < 20 ? 0 : SIGMAS + 1;
	return (hits - n * p) / sqrt(n * p * (1 - p));
}

static bool gaps_right(void)
{
	bool right = true;

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			double ratio, off = gaps_off(rates[i], sizes[k], &ratio);

			if (fabs(off) < SIGMAS && fabs(ratio) < SIGMAS)
				continue;
			ksft_print_msg("rate %llu size %llu: mean %.1f errors off, variance %.1f",
				       (unsigned long long)rates[i], (unsigned long long)sizes[k],
				       off, ratio);
			right = false;
		}
	}
	return right;
}

static bool hits_right(void)
{
	bool right = true;

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			double off = hits_off(rates[i], sizes[k]);

			if (fabs(off) >= SIGMAS)
				ksft_print_msg("rate %llu size %llu: hits %.1f errors off",
					       (unsigned long long)rates[i],
					       (unsigned long long)sizes[k], off);
			right &= fabs(off) < SIGMAS;
		}
	}
	return right;
}

/* The bits of the generator: each one half of the time, each pair of neighbours independent. */
static bool bits_right(void)
{
	int ones[64] = {0}, n = GAPS;
	bool right = true;
	u64 last = 0;

	for (int i = 0; i < n; i++) {
		u64 r = prof_random(), x = i % 2 ? r ^ last : r;

		for (int b = 0; b < 64; b++)
			ones[b] += (int)(x >> b & 1);
		last = r;
	}
	for (int b = 0; b < 64; b++)
		right &= fabs(ones[b] - n / 2.0) < SIGMAS * sqrt(n / 4.0);
	return right;
}

int main(void)
{
	double worst, ratio;
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(7);
	rng = ksft_seed() | 1;
	lane_free(lane_malloc(1)); /* seeds the generator */
	worst = worst_logarithm(&rng);
	ksft_test_result(worst < 1e-6, "-ln(u) is off by %.1e at most", worst);
	worst = worst_weight();
	ksft_test_result(worst < 2e-5, "1/p is off by %.1e at most", worst);
	ksft_test_result(gaps_right(), "gaps have the mean and variance of their distribution");
	ksft_test_result(hits_right(), "trials succeed as often as they should");
	ksft_test_result(bits_right(), "the generator's bits are even");
	ksft_test_result(prof_gap(PROF_RATE_MAX, 8, 1000) <= 1000 && !prof_hit(0, 1 << 20),
			 "gaps keep to their limit, and off is off");
	prof_draw_test.uniform = true;
	ksft_test_result(fabs(gaps_off(PROF_RATE_STANDARD, 112, &ratio)) >= SIGMAS ||
				 fabs(ratio) >= SIGMAS,
			 "even gaps, which are wrong, are found out");
	ksft_finished();
}
