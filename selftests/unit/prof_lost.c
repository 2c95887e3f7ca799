// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Samples for which there is no memory: the program gets its objects all the same,
 * each sample is either in the profile or counted as lost and shown so, nothing is
 * ever in use that was not allocated, and what was lost leaves no trace when it is
 * freed. Once there is memory again no more are lost.
 */
#include "unit.h"

#include <sys/mman.h>

#include "meta.h"
#include "os.h"
#include "prof.h"
#include "prof_cycle.h"
#include "prof_record.h"
#include "prof_write.h"

#define SIZE (48 << 10) /* at the smallest rate certain to be sampled: each stands for itself */
#define OBJECTS (ksft_quick() ? 1200 : 3000)
#define OBJECTS_MAX 3000
#define THREADS 3
#define HELD 1500 /* of each thread: together more than there were before */
#define TURNS (ksft_quick() ? 3000 : 12000)
#define META_RANGE (1ULL << 30) /* bytes: of the many more of meta.h, more than are used here */

static void *held[OBJECTS_MAX];
static struct os_ops real_os;
static uintptr_t meta_at;
static bool refuse;
static uint64_t negative;

/* Memory for the profile's own books comes from pages that are made writable there. */
static int refusing_protect(void *addr, size_t len, int prot)
{
	if (READ_ONCE(refuse) && (prot & PROT_WRITE) && (uintptr_t)addr - meta_at < META_RANGE)
		return -ENOMEM;
	return real_os.protect(addr, len, prot);
}

static void memory(bool there)
{
	WRITE_ONCE(refuse, !there);
	while (!there && meta_alloc(64, 64))
		;
}

struct view {
	struct prof_totals sum;
	uint64_t alloc, inuse;
};

static void add_site(void *arg, const struct prof_site *s)
{
	struct view *v = arg;

	v->alloc += s->raw_alloc_objects;
	v->inuse += s->raw_inuse_objects;
	if ((int64_t)s->raw_inuse_objects < 0 || (int64_t)s->inuse_bytes < 0 ||
	    s->raw_inuse_objects > s->raw_alloc_objects || s->inuse_bytes > s->alloc_bytes)
		__atomic_fetch_add(&negative, 1, __ATOMIC_RELAXED);
}

static struct view look(void)
{
	struct view v = {0};

	prof_totals(&v.sum);
	prof_read(add_site, &v);
	return v;
}

/* Each in a site of its own. */
#define SITE(name)                                                                                 \
	static __attribute__((noinline)) void *name(void)                                          \
	{                                                                                          \
		void *p = lane_malloc(SIZE);                                                       \
		__asm__ volatile("" : "+r"(p) : : "memory");                                       \
		return p;                                                                          \
	}
SITE(known_site)
SITE(new_site)

static int take(int n)
{
	int got = 0;

	for (int i = 0; i < n; i++) {
		held[i] = known_site();
		got += held[i] != NULL;
	}
	return got;
}

static void give_back(int n)
{
	for (int i = 0; i < n; i++)
		lane_free(held[i]);
}

static void test_records(void)
{
	struct view before = look(), with, after;
	uint64_t taken, lost;
	int got = 0;

	/* The first one makes the call site. */
	for (int n = 1; n <= OBJECTS; n += OBJECTS - 1) {
		memory(n == 1);
		before = look();
		got = take(n);
		if (n == 1)
			give_back(n);
	}
	with = look();
	taken = with.sum.samples - before.sum.samples;
	lost = with.sum.samples_lost - before.sum.samples_lost;
	ksft_print_msg("%llu samples taken, %llu lost", (unsigned long long)taken,
		       (unsigned long long)lost);
	ksft_test_result(got == OBJECTS, "without memory for samples the program gets its objects");
	ksft_test_result(lost > 0 && taken + lost == (uint64_t)OBJECTS,
			 "each sample is taken or counted as lost");
	ksft_test_result(with.inuse - before.inuse == taken && with.alloc - before.alloc == taken &&
				 with.sum.inuse_bytes - before.sum.inuse_bytes == taken * SIZE,
			 "the profile has exactly those that were taken");
	give_back(OBJECTS);
	after = look();
	ksft_test_result(after.inuse == before.inuse && after.alloc == with.alloc &&
				 after.sum.inuse_bytes == before.sum.inuse_bytes && !negative,
			 "the end of an object whose sample was lost changes nothing");
}

static void test_site(void)
{
	struct view before = look(), after;
	void *p = new_site();

	after = look();
	ksft_test_result(p && after.sum.samples_lost == before.sum.samples_lost + 1 &&
				 after.sum.sites == before.sum.sites && after.alloc == before.alloc,
			 "nor is there memory for a call site: lost, too");
	lane_free(p);
}

static void test_collected(void)
{
	static const struct prof_stack stack = {.depth = 1, .pc = {0x10000}};
	void *object = (void *)0x100000;
	struct view before = look(), after;
	bool kept = prof_gc_alloc(object, SIZE, prof_rate(), &stack), found = prof_gc_swept(object);

	after = look();
	ksft_test_result(!kept && !found && after.sum.samples_lost == before.sum.samples_lost + 1 &&
				 after.inuse == before.inuse,
			 "so with a collected object");
}

/* The site and a record are there, and the counts of the cycles to come find no memory. */
static void test_collected_known(void)
{
	static const struct prof_stack stack = {.depth = 1, .pc = {0x20000}};
	const struct prof_sample sample = {.size = SIZE, .weight = 1};
	void *object = (void *)0x200000;
	struct prof_site_book *site;
	struct prof_record r;
	struct view before, after;
	bool kept, found;

	memory(true);
	site = prof_site_get(&stack);
	found = !site || !prof_record_put(object, site, &sample) || !prof_record_take(object, &r);
	memory(false);
	before = look();
	kept = prof_gc_alloc(object, SIZE, prof_rate(), &stack);
	found |= prof_record_take(object, &r);
	after = look();
	ksft_test_result(!kept && !found && after.sum.samples_lost == before.sum.samples_lost + 1 &&
				 after.inuse == before.inuse,
			 "also where its counts find none");
}

static bool shows(int (*write)(struct page_buf *to, const struct prof_source *src), const char *fmt)
{
	struct prof_source src;
	struct page_buf b = {0};
	char line[128];
	bool there;

	prof_source_init(&src, "a test");
	snprintf(line, sizeof(line), fmt, (unsigned long long)src.totals.samples_lost);
	there = !write(&b, &src) && memmem(b.data, b.len, line, strlen(line));
	page_buf_free(&b);
	return there;
}

static void test_again(void)
{
	struct view before, with;

	memory(true);
	before = look();
	take(OBJECTS);
	with = look();
	give_back(OBJECTS);
	ksft_test_result(with.sum.samples_lost == before.sum.samples_lost &&
				 with.inuse - before.inuse == (uint64_t)OBJECTS &&
				 look().inuse == before.inuse,
			 "with memory again none is lost");
}

static void *allocate(void *arg)
{
	void *mine[HELD] = {0};
	uint64_t rng = 1 + 2 * (uint64_t)(uintptr_t)arg;

	for (int i = 0; i < TURNS; i++) {
		void **p = &mine[ksft_random(&rng) % HELD];

		/* Memory comes and goes. */
		if (arg && i % 200 == 0)
			memory(i / 200 % 2 == 0);
		lane_free(*p);
		*p = i & 1 ? known_site() : new_site();
		if (!*p)
			ksft_exit_fail_msg("no memory for an object");
	}
	for (int i = 0; i < HELD; i++)
		lane_free(mine[i]);
	return NULL;
}

static bool stop;

static void *look_on(void *arg)
{
	(void)arg;
	while (!READ_ONCE(stop))
		look();
	return NULL;
}

static void test_threads(void)
{
	struct view before = look(), after;
	pthread_t thread[THREADS], other;

	start_thread(&other, look_on, NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		start_thread(&thread[i], allocate, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	WRITE_ONCE(stop, true);
	pthread_join(other, NULL);
	memory(true);
	after = look();
	ksft_print_msg("%llu lost meanwhile",
		       (unsigned long long)(after.sum.samples_lost - before.sum.samples_lost));
	ksft_test_result(after.sum.samples + after.sum.samples_lost - before.sum.samples -
					 before.sum.samples_lost ==
				 (uint64_t)THREADS * (uint64_t)TURNS,
			 "threads, and memory that comes and goes: each sample is accounted for");
	ksft_test_result(after.inuse == before.inuse && !negative,
			 "nothing is left in use, and never was there less than nothing");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(13);
	lane_free(lane_malloc(1));
	real_os = os;
	os.protect = refusing_protect;
	meta_at = (uintptr_t)meta_alloc(64, 64);
	/* Spans for all objects, while there is no profile. */
	take(OBJECTS);
	give_back(OBJECTS);
	if (prof_set_rate(PROF_RATE_MIN))
		ksft_exit_fail_msg("the profile cannot be switched on");
	lane_free(known_site());
	test_records();
	test_site();
	test_collected();
	test_collected_known();
	ksft_test_result(shows(prof_text_write, "\n# samples_lost %llu\n"),
			 "the text says how many were lost");
	ksft_test_result(shows(prof_pprof_write, " samples, %llu lost for want of memory"),
			 "so does profile.proto");
	test_again();
	test_threads();
	ksft_test_result(unit_books_right(), "the books are right, and what the walk finds");
	ksft_finished();
}
