// SPDX-License-Identifier: MIT
/*
 * The heap profile's estimates of collected objects against what was allocated: large ones of sizes
 * that are no multiple of a page, which take more than was asked for, and small ones of CPU caches
 * to which a change of the rate has not come yet.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <math.h>

#include "prof.h"
#include "prof_arm.h"

struct sums {
	double objects, bytes, samples;
};

static void add(void *arg, const struct prof_site *s)
{
	struct sums *sum = arg;

	sum->objects += (double)s->alloc_objects;
	sum->bytes += (double)s->alloc_bytes;
	sum->samples += (double)s->raw_alloc_objects;
}

static struct sums look(void)
{
	struct sums sum = {0, 0, 0};

	prof_read(add, &sum);
	return sum;
}

/* So many of @size bytes, one after the other. */
static void allocate(int n, size_t size)
{
	for (int i = 0; i < n; i++) {
		void *obj = lane_gc_alloc_noscan(size);

		if (!obj || lane_gc_free(obj))
			ksft_exit_fail_msg("no memory");
	}
}

/* Within six standard deviations of the truth: each sample stands for at most @most objects. */
static bool right(const struct sums *before, int n, size_t takes, double most)
{
	struct sums now = look();
	double objects = now.objects - before->objects, bytes = now.bytes - before->bytes;
	double off = 6 * sqrt(n * most);

	ksft_print_msg("%.0f objects of %d, %.0f bytes of %.0f, by %.0f samples", objects, n, bytes,
		       (double)n * (double)takes, now.samples - before->samples);
	return fabs(objects - n) < off && fabs(bytes - n * (double)takes) < off * (double)takes;
}

static void test_large(size_t size, size_t takes)
{
	const double rate = 64 << 10;
	int n = ksft_rounds(20000);
	struct sums before;

	if (prof_set_rate((u64)rate))
		ksft_exit_fail_msg("no rate");
	before = look();
	allocate(n, size);
	ksft_test_result(right(&before, n, takes, 1 / (1 - exp(-(double)takes / rate))),
			 "%zu bytes, which take %zu: no bias", size, takes);
}

/* As a thread that allocates while prof_set_rate() has not come to its CPU. */
static void test_change(void)
{
	int n = ksft_rounds(50000);
	struct sums before;

	if (prof_set_rate(PROF_RATE_MIN))
		ksft_exit_fail_msg("no rate");
	allocate(100, 256);
	before = look();
	WRITE_ONCE(prof_bytes, PROF_RATE_MAX);
	allocate(n, 256);
	WRITE_ONCE(prof_bytes, PROF_RATE_MIN);
	ksft_test_result(right(&before, n, 256, 1 / (1 - exp(-256.0 / PROF_RATE_MIN))),
			 "sampled at the rate of their cache, they stand for what that says");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(3);
	unit_no_background();
	unit_pin(0);
	if (lane_gc_init(NULL) || lane_gc_attach())
		ksft_exit_fail_msg("no collected heap");
	test_large(KIB(33), KIB(40));
	test_large(KIB(49), KIB(56));
	test_change();
	ksft_finished();
}
