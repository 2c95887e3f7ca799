// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * The heap profile of collected objects, as its readers see it: all of it before there
 * was a collection, then the heap as the last finished one found it. Garbage is never
 * shown as in use: its end is published with its allocation. Beside threads and cycles
 * no site ever has more in use than it allocated.
 */
#include "nodes.h"

#include <lane/lane_prof.h>

#define SIZE KIB(48) /* at the least rate certain to be sampled: each stands for itself */
#define THREADS 2
#define SLOTS 16 /* of each thread */
#define TURNS (ksft_quick() ? 400 : 1500)

static void *kept[256], *shared[THREADS][SLOTS];
static _Atomic bool stop;
static _Atomic int wrong, reads;

/* Each a call site of its own, in 64 bytes of its own. */
#define SITE(name)                                                                                 \
	static __attribute__((noinline, aligned(64))) void *name(void)                             \
	{                                                                                          \
		return opaque(lane_gc_alloc_noscan(SIZE));                                         \
	}
SITE(for_long)
SITE(for_nothing)
SITE(for_free)
SITE(later)
SITE(later_garbage)
SITE(in_slot)

struct count {
	unsigned long long inuse, allocated;
};

/* The whole text, from malloc(). */
static char *read_profile(void)
{
	size_t room = MIB(1);
	char *text = malloc(room);
	ssize_t n = lane_proc_read("profile", text, room);

	if (n < 0 || (size_t)n >= room)
		ksft_exit_fail_msg("profile: %zd", n);
	return text;
}

/* "IN_USE: bytes [ALLOCATED: bytes] @ 0xCALL ..." of all sites whose call lies in @fn; NULL: of
 * any. */
static struct count count_of(const char *text, void *(*fn)(void))
{
	struct count sum = {0, 0};
	unsigned long long used, allocated, bytes[2];
	uintptr_t pc;

	for (text = strchr(text, '\n'); text; text = strchr(text + 1, '\n')) {
		if (sscanf(text, "\n%llu: %llu [%llu: %llu] @ %lx", &used, &bytes[0], &allocated,
			   &bytes[1], &pc) != 5)
			continue;
		if (used > allocated || bytes[0] > bytes[1])
			wrong++;
		if (!fn || pc - (uintptr_t)fn < 64) {
			sum.inuse += used;
			sum.allocated += allocated;
		}
	}
	return sum;
}

static bool shows(void *(*fn)(void), unsigned long long inuse, unsigned long long allocated)
{
	char *text = read_profile();
	struct count c = count_of(text, fn);

	free(text);
	if (c.inuse != inuse || c.allocated != allocated)
		ksft_print_msg("%llu of %llu, not %llu of %llu", c.inuse, c.allocated, inuse,
			       allocated);
	return c.inuse == inuse && c.allocated == allocated;
}

/* In a thread, whose stack is nobody's afterwards. */
static void *allocate(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		lane_gc_write(&kept[i], for_long());
	for (int i = 0; i < 150; i++)
		for_nothing();
	for (int i = 0; i < 80; i++)
		lane_gc_free(for_free());
	return NULL;
}

static void *allocate_later(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++)
		lane_gc_write(&kept[100 + i], later());
	for (int i = 0; i < 60; i++)
		later_garbage();
	return NULL;
}

static void run(void *(*fn)(void *))
{
	pthread_t t;

	gc_thread(&t, fn, NULL);
	pthread_join(t, NULL);
}

static void *use_slots(void *arg)
{
	void **slot = arg;
	uint64_t rng = (uintptr_t)arg | 1;

	for (int i = 0; i < TURNS; i++) {
		lane_gc_write(&slot[ksft_random(&rng) % SLOTS], in_slot());
		if (i % 4 == 0)
			for_nothing();
		if (i % 8 == 0)
			lane_gc_free(for_free());
		if (i % 100 == 0)
			lane_gc_collect();
	}
	return NULL;
}

static void *look_on(void *arg)
{
	(void)arg;
	while (!stop) {
		char *text = read_profile();

		count_of(text, NULL);
		free(text);
		reads++;
	}
	return NULL;
}

static void beside_threads(void)
{
	pthread_t t[THREADS], reader;

	start_thread(&reader, look_on, NULL);
	for (int i = 0; i < THREADS; i++)
		gc_thread(&t[i], use_slots, shared[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	stop = true;
	pthread_join(reader, NULL);
	for (int i = 0; i < 3; i++)
		lane_gc_collect();
}

/*
 * Small ones, of which few are sampled: with the rate that was set meanwhile, a sixth. After
 * several rates the text has estimates. The bounds are ten standard deviations away.
 */
#define SMALL 400
#define MANY 30000

static void *few[MANY];

static __attribute__((noinline, aligned(64))) void *small_one(void)
{
	return opaque(lane_gc_alloc_conservative(SMALL));
}

static void *allocate_small(void *arg)
{
	(void)arg;
	for (int i = 0; i < MANY; i++)
		lane_gc_write(&few[i], small_one());
	return NULL;
}

static void *drop_half(void *arg)
{
	(void)arg;
	for (int i = 0; i < MANY; i += 2)
		lane_gc_write(&few[i], NULL);
	return NULL;
}

static void *free_others(void *arg)
{
	(void)arg;
	for (int i = 1; i < MANY; i += 2) {
		lane_gc_free(few[i]);
		lane_gc_write(&few[i], NULL);
	}
	return NULL;
}

static struct count small_after(void *(*fn)(void *))
{
	struct count c;
	char *text;

	run(fn);
	for (int i = 0; i < 3; i++)
		lane_gc_collect();
	text = read_profile();
	c = count_of(text, small_one);
	free(text);
	ksft_print_msg("%llu of %llu small ones in use", c.inuse, c.allocated);
	return c;
}

static void test_small(void)
{
	bool set;
	struct count all, half, none;

	lane_gc_add_roots(few, sizeof(few));
	for (int i = 0; i < 1000; i++)
		gc_garbage(SMALL);
	set = lane_prof_set_rate(2048) == 0;
	all = small_after(allocate_small);
	ksft_test_result(set && all.inuse == all.allocated && all.allocated > MANY - MANY / 8 &&
				 all.allocated < MANY + MANY / 8,
			 "small ones by the rate that was set while the heap was in use");
	half = small_after(drop_half);
	ksft_test_result(half.allocated == all.allocated && half.inuse > all.inuse * 2 / 5 &&
				 half.inuse < all.inuse * 3 / 5,
			 "those of a span that were found dead are not in use");
	none = small_after(free_others);
	ksft_test_result(none.allocated == all.allocated && none.inuse <= 5,
			 "nor those that the program freed");
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};

	(void)argc;
	gc_conf(argv, "prof_rate:1k,gc_check:true");
	ksft_print_header();
	ksft_set_plan(12);
	gc_begin(&o);
	lane_gc_add_roots(kept, sizeof(kept));
	lane_gc_add_roots(shared, sizeof(shared));
	run(allocate);
	ksft_test_result(shows(for_long, 100, 100) && shows(for_nothing, 150, 150) &&
				 shows(for_free, 0, 80),
			 "before a collection all is shown as it is, garbage not being known");
	for (int i = 0; i < 3; i++)
		lane_gc_collect();
	ksft_test_result(shows(for_long, 100, 100), "what lives is in use");
	ksft_test_result(shows(for_nothing, 0, 150), "what was found dead is not");
	ksft_test_result(shows(for_free, 0, 80), "nor what the program freed");
	run(allocate_later);
	ksft_test_result(shows(later, 0, 0) && shows(later_garbage, 0, 0),
			 "what came since is of a cycle to come");
	lane_gc_collect();
	ksft_test_result(shows(later, 0, 0) && shows(later_garbage, 0, 0),
			 "also while it is being swept");
	lane_gc_collect();
	ksft_test_result(shows(later, 50, 50) && shows(later_garbage, 0, 60),
			 "then it is shown, the garbage with its end");
	beside_threads();
	ksft_print_msg("%d reads meanwhile", reads);
	ksft_test_result(!wrong,
			 "beside threads and cycles no site has more in use than allocated");
	ksft_test_result(shows(in_slot, THREADS * SLOTS, (unsigned long long)THREADS * TURNS) &&
				 shows(for_free, 0, 80 + THREADS * ((TURNS + 7) / 8)) &&
				 shows(for_nothing, 0, 150 + THREADS * ((TURNS + 3) / 4)),
			 "and in the end each has what it holds");
	test_small();
	ksft_finished();
}
