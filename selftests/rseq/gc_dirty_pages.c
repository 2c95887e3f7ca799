// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Typed objects on pages that malloc had before, and stale words that lead markers there: to a
 * large object that is in the map and that nobody has yet, and to the free slots of a new span.
 * What malloc left is no type.
 */
#include "../gc/nodes.h"

#include "gc_inject.h"
#include "gc_map.h"
#include "gc_span.h"
#include "lanes.h"
#include "mark.h"
#include "queue.h"
#include "slow_path.h"
#include "type.h"

#define DIRT MIB(8)
#define LARGE MIB(4)
#define SMALL 1000 /* bytes of an object whose type is in its slot */
#define SMALL_STEP 256
#define ENOUGH (4 * DIRT / SMALL)
#define SURVIVES 42 /* exit status */

static const struct lane_gc_type *element, *traced;
static uintptr_t stale[DIRT / SMALL_STEP];
static uintptr_t dirt;

static void trace(void *obj, size_t size, struct lane_gc_tracer *m)
{
	(void)obj, (void)size, (void)m;
}

static bool in_dirt(const void *p)
{
	return (uintptr_t)p - dirt < DIRT;
}

/* Freed pages, full of what looks like addresses and is none. */
static void make_dirt(void)
{
	void *p = lane_malloc(DIRT);

	if (!p)
		ksft_exit_fail_msg("no memory");
	memset(p, 0x41, DIRT);
	opaque(p);
	dirt = (uintptr_t)p;
	lane_free(p);
}

static void begin(void)
{
	static const uint64_t bits = 1;
	struct lane_gc_layout e = {
		.sz = sizeof(e), .name = "element", .size = 16, .bitmap = &bits, .bitmap_bits = 2};
	struct lane_gc_layout t = {
		.sz = sizeof(t), .name = "traced", .size = SMALL, .trace = trace};
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};

	gc_begin(&o);
	if (lane_gc_type_create(&e, &element) || lane_gc_type_create(&t, &traced))
		ksft_exit_fail_msg("lane_gc_type_create");
	make_dirt();
}

static void *collect(void *arg)
{
	(void)arg;
	lane_gc_collect();
	return NULL;
}

static _Atomic bool held, mapped;
static __thread bool is_main;

/*
 * A marker has stale words before it, and follows them when the object is in the map; who
 * allocates goes on when nothing is left to mark.
 */
static void follow(enum gc_point point)
{
	double end = ksft_now() + 20;
	u64 before, after;

	if (point == AT_ROOT_PIECE && !is_main) {
		atomic_store(&held, true);
		while (!atomic_load(&mapped) && ksft_now() < end)
			usleep(100);
	}
	if (point != AT_MAPPED || !is_main || atomic_exchange(&mapped, true))
		return;
	for (int quiet = 0; quiet < 10 && ksft_now() < end; usleep(2000)) {
		bool is = queue_is_quiet(&before) && !READ_ONCE(mark_active) &&
			  queue_is_quiet(&after) && after == before;

		quiet = is ? quiet + 1 : 0;
	}
}

/* The words are what may look like references: a root range. */
static int large(void *arg)
{
	pthread_t t;
	void *p;

	(void)arg;
	is_main = true;
	begin();
	for (size_t i = 0; i < DIRT / SMALL_STEP; i++)
		stale[i] = dirt + i * SMALL_STEP;
	lane_gc_add_roots(stale, sizeof(stale));
	gc_test.at = follow;
	start_thread(&t, collect, NULL);
	while (!atomic_load(&held))
		usleep(100);
	p = lane_gc_alloc_array(element, LARGE / 16 - 1);
	if (!in_dirt(p) || !all_zero(p, LARGE - 16))
		return 1;
	pthread_join(t, NULL);
	return SURVIVES;
}

/* Slots of the new span that nobody has. */
static unsigned int free_slots(void)
{
	unsigned int n = 0;
	struct gc_object o;

	for (size_t i = 0; i < DIRT / SMALL_STEP; i++)
		n += gc_find(stale[i], &o) && gc_object_exists(&o) && o.kind == GC_TYPED &&
		     gc_slot_is_free(o.page, o.index);
	return n;
}

/* Not a batch, which might be a whole span. */
static void *take_one(void)
{
	void *p;

	slow_enter_always();
	gc_enter(gc_self);
	if (!gc_take(this_home(), traced->kind, traced->cls, &p, 1, false))
		ksft_exit_fail_msg("no memory");
	gc_exit(gc_self);
	slow_exit();
	return p;
}

/*
 * The words are references that an object holds which was dead when what they led to was freed,
 * and lives as something looks like a reference to it.
 */
static int small(void *arg)
{
	static uintptr_t *parent;
	static const uint64_t bits = 1;
	struct lane_gc_layout l = {
		.sz = sizeof(l), .name = "word", .size = 8, .bitmap = &bits, .bitmap_bits = 1};
	const struct lane_gc_type *word;
	void *p = NULL;

	(void)arg;
	begin();
	lane_gc_add_roots(&parent, sizeof(parent));
	if (lane_gc_type_create(&l, &word))
		return 1;
	for (size_t i = 0; i < DIRT / SMALL_STEP; i++)
		stale[i] = dirt + i * SMALL_STEP;
	for (size_t n = 0; n < ENOUGH && !in_dirt(p); n++)
		p = take_one();
	if (!free_slots())
		return 1;
	p = lane_gc_alloc_array(word, DIRT / SMALL_STEP);
	lane_gc_write(&parent, p);
	memcpy(p, stale, sizeof(stale));
	lane_gc_collect();
	return SURVIVES;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(2);
	ksft_test_result(in_child(large, NULL, 60) == SURVIVES,
			 "a large object is zeroed before a stale word leads to it");
	ksft_test_result(in_child(small, NULL, 60) == SURVIVES,
			 "a free slot of a new span says nothing of a type");
	ksft_finished();
}
