// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * What the heap profile says of a call site is what the program did there, but for
 * the error that sampling has: over many runs the mean lies within its standard
 * errors of the truth, for each way to allocate, in each number that a profile
 * shows. A sampler that draws its gaps wrongly is found out.
 */
#include "unit.h"

#include <lane/lane_prof.h>
#include <math.h>

#include "prof.h"
#include "prof_draw.h"
#include "size_class.h"

#define RUNS (ksft_quick() ? 12 : 40)
#define SIGMAS 4.5 /* 40 comparisons: a right program fails once in some thousand runs */
#define RATE 16384
#define THREADS 4

/* What was done at one call site, and what may be sampled of it. */
struct truth {
	double objects, bytes; /* allocated */
	double left_objects, left_bytes;
	double var_objects, var_bytes; /* of the estimates of what was allocated */
};

typedef void workload(struct truth *t, uint64_t *rng);

/* The profile, added up over all sites. */
struct seen {
	double alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
	bool negative;
};

static void add_site(void *arg, const struct prof_site *s)
{
	struct seen *v = arg;

	v->alloc_objects += (double)s->alloc_objects;
	v->alloc_bytes += (double)s->alloc_bytes;
	v->inuse_objects += (double)s->inuse_objects;
	v->inuse_bytes += (double)s->inuse_bytes;
	v->negative |= s->inuse_objects > s->alloc_objects || s->inuse_bytes > s->alloc_bytes ||
		       s->raw_inuse_objects > s->raw_alloc_objects;
}

static struct seen profile(void)
{
	struct seen v = {0};

	prof_read(add_site, &v);
	return v;
}

static double taken(size_t size)
{
	bool large = size > SMALL_MAX;

	return large ? (double)ALIGN_UP(size, PAGE_SIZE)
		     : (double)size_classes[size_to_class((u32)size)].size;
}

/* One allocation of @size at the rate in force: the estimate's variance is (1 - p) / p. */
static void count(struct truth *t, size_t size, double rate)
{
	double bytes = taken(size), var = 0;

	t->objects++;
	t->bytes += bytes;
	if (rate > 0)
		var = 1 / expm1(bytes / rate);
	t->var_objects += var;
	t->var_bytes += var * bytes * bytes;
}

static void *take(struct truth *t, size_t size)
{
	void *p = lane_malloc(size);

	if (!p)
		ksft_exit_fail_msg("no memory");
	count(t, size, RATE);
	return p;
}

static void left(struct truth *t, size_t size, double sign)
{
	t->left_objects += sign;
	t->left_bytes += sign * taken(size);
}

/* The same object again and again. */
static void pairs(struct truth *t, uint64_t *rng)
{
	(void)rng;
	for (int i = 0; i < 20000; i++)
		lane_free(take(t, 64));
}

static void small(struct truth *t, uint64_t *rng)
{
	(void)rng;
	for (int i = 0; i < 20000; i++)
		(void)!take(t, 24);
	t->left_bytes = 20000 * taken(24);
	t->left_objects = 20000;
}

static void mixed(struct truth *t, uint64_t *rng)
{
	for (int i = 0; i < 3000; i++) {
		size_t size = 1 + ksft_random(rng) % (ksft_random(rng) % SMALL_MAX + 1);
		void *p = take(t, size);

		left(t, size, 1);
		if (ksft_random(rng) % 2) {
			lane_free(p);
			left(t, size, -1);
		}
	}
}

static void large(struct truth *t, uint64_t *rng)
{
	for (int i = 0; i < 300; i++) {
		size_t size = SMALL_MAX + 1 + ksft_random(rng) % 100000;
		void *p = take(t, size);

		left(t, size, 1);
		if (i % 3) {
			lane_free(p);
			left(t, size, -1);
		}
	}
}

static void onnode(struct truth *t, uint64_t *rng)
{
	(void)rng;
	for (int i = 0; i < 5000; i++) {
		lane_free(lane_malloc_onnode(200, lane_node_of(lane_malloc(8))));
		count(t, 200, RATE);
		count(t, 8, RATE);
		left(t, 8, 1);
	}
}

static void aligned(struct truth *t, uint64_t *rng)
{
	(void)rng;
	for (int i = 0; i < 5000; i++) {
		void *p = NULL;

		if (lane_posix_memalign(&p, 256, 700) || (uintptr_t)p % 256)
			ksft_exit_fail_msg("posix_memalign");
		count(t, 768, RATE);
		p = lane_realloc(p, 3000);
		count(t, 3000, RATE);
		lane_free(p);
	}
}

/* Objects about as large as the mean gap, where the shape of the gaps' distribution tells most. */
static void middling(struct truth *t, uint64_t *rng)
{
	(void)rng;
	for (int i = 0; i < 10000; i++)
		lane_free(take(t, 20000));
}

/* On, off, at another rate, all within the workload. */
static void rerated(struct truth *t, uint64_t *rng)
{
	static const size_t rate[] = {RATE, 65536, 4096, RATE};
	void *held[400];

	(void)rng;
	for (size_t r = 0; r < ARRAY_SIZE(rate); r++) {
		lane_prof_set_rate(rate[r]);
		for (int i = 0; i < 4000; i++) {
			void *p = lane_malloc(160);

			count(t, 160, (double)rate[r]);
			if (i % 40 || r == ARRAY_SIZE(rate) - 1)
				lane_free(p);
			else
				held[r * 100 + (size_t)i / 40] = p;
		}
		lane_prof_set_rate(0);
		for (int i = 0; i < 1000; i++)
			lane_free(lane_malloc(160)); /* not seen */
		if (r) { /* freed at another rate than it was sampled at */
			for (int i = 0; i < 100; i++)
				lane_free(held[(r - 1) * 100 + (size_t)i]);
		}
	}
	lane_prof_set_rate(RATE);
}

static void *thread_pairs(void *arg)
{
	struct truth *t = arg;
	void *held[32] = {0};
	uint64_t rng = (uint64_t)(uintptr_t)t | 1;

	for (int i = 0; i < 8000; i++) {
		void **p = &held[ksft_random(&rng) % 32];

		lane_free(*p);
		*p = take(t, 96 + i % 3 * 300);
	}
	for (int i = 0; i < 32; i++)
		lane_free(held[i]);
	return NULL;
}

static void threads(struct truth *t, uint64_t *rng)
{
	struct truth part[THREADS] = {0};
	pthread_t thread[THREADS];

	(void)rng;
	for (int i = 0; i < THREADS; i++)
		start_thread(&thread[i], thread_pairs, &part[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		t->objects += part[i].objects;
		t->bytes += part[i].bytes;
		t->var_objects += part[i].var_objects;
		t->var_bytes += part[i].var_bytes;
	}
}

static const struct {
	const char *name;
	workload *run;
} workloads[] = {
	{"pairs of one object", pairs},
	{"small objects that stay", small},
	{"mixed sizes, half freed", mixed},
	{"large objects", large},
	{"objects like the mean gap", middling},
	{"past the caches", onnode},
	{"aligned and resized", aligned},
	{"on, off and re-rated", rerated},
	{"threads", threads},
};

/* In standard errors, the largest of the four numbers; true where none was ever negative. */
static bool errors_of(workload *run, uint64_t *rng, double *worst)
{
	double off[4] = {0}, var[2] = {0};
	bool whole = true;

	for (int i = 0; i < RUNS; i++) {
		struct truth t = {0};
		struct seen before = profile(), after;

		run(&t, rng);
		after = profile();
		whole &= !after.negative;
		off[0] += after.alloc_objects - before.alloc_objects - t.objects;
		off[1] += after.alloc_bytes - before.alloc_bytes - t.bytes;
		off[2] += after.inuse_objects - before.inuse_objects - t.left_objects;
		off[3] += after.inuse_bytes - before.inuse_bytes - t.left_bytes;
		var[0] += t.var_objects;
		var[1] += t.var_bytes;
	}
	for (int i = 0; i < 4; i++) {
		double z = fabs(off[i]) / sqrt(var[i % 2]);

		ksft_print_msg("  %s %s: %+.2f standard errors", i < 2 ? "allocated" : "in use",
			       i % 2 ? "bytes" : "objects", off[i] / sqrt(var[i % 2]));
		*worst = fmax(*worst, z);
	}
	return whole;
}

int main(void)
{
	struct prof_totals totals;
	double worst = 0;
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(workloads) + 3);
	rng = ksft_seed() | 1;
	lane_free(lane_malloc(1));
	if (lane_prof_set_rate(RATE))
		ksft_exit_fail_msg("the profile cannot be switched on");
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++) {
		bool whole;

		worst = 0;
		whole = errors_of(workloads[i].run, &rng, &worst);
		ksft_test_result(whole && worst < SIGMAS, "%s: within %.2f standard errors",
				 workloads[i].name, worst);
	}
	prof_totals(&totals);
	ksft_print_msg("%llu samples at %llu sites, %llu lost, %llu bytes for them",
		       (unsigned long long)totals.samples, (unsigned long long)totals.sites,
		       (unsigned long long)totals.samples_lost,
		       (unsigned long long)totals.metadata);
	ksft_test_result(totals.samples_lost == 0 && totals.sites >= ARRAY_SIZE(workloads),
			 "no sample was lost");
	ksft_test_result(unit_books_right(), "the books are right, and what the walk finds");
	prof_draw_test.uniform = true;
	lane_prof_set_rate(RATE * 2); /* all gaps anew */
	worst = 0;
	lane_prof_set_rate(RATE);
	errors_of(middling, &rng, &worst);
	ksft_test_result(worst >= SIGMAS, "gaps drawn evenly, which is wrong, are found out: %.1f",
			 worst);
	ksft_finished();
}
