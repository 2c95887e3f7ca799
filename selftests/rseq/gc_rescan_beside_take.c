// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * Where there was no memory for what is grey, all marked objects are scanned again. Slots that were
 * taken just now are marked, too, and hold what was there before: references to what was swept with
 * it. No callback is called for that, which still says what it was: a finalizer may have freed what
 * the callback looks at.
 */
#include "../gc/nodes.h"

#include "gc_inject.h"
#include "mark.h"
#include "queue.h"

#define N 8	   /* objects, and as many that they refer to */
#define WORDS 26   /* references of one, in a class that nothing else is in */
#define SECONDS 60 /* until a test gives up */

struct traced {
	uint64_t dead;
	void *rest[6];
};

static const struct lane_gc_type *words, *traced;
static uintptr_t hidden[N], behind[N]; /* addresses that no stack shows */
static _Atomic bool at_roots, collect_on, taken, take_on;
static _Atomic int called;
static __thread bool takes;

static void trace(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	(void)size, (void)tracer;
	atomic_fetch_add(&called, ((struct traced *)obj)->dead != 0);
}

static void wait_for(_Atomic bool *flag)
{
	double end = ksft_now() + SECONDS;

	while (!atomic_load(flag) && ksft_now() < end)
		usleep(200);
}

static void hold(enum gc_point point)
{
	if (point == AT_ROOTS && !atomic_exchange(&at_roots, true))
		wait_for(&collect_on);
	if (point == AT_TAKEN && takes && !atomic_exchange(&taken, true))
		wait_for(&take_on);
}

static void make_types(void)
{
	static const uint64_t bits = (1ULL << WORDS) - 1;
	struct lane_gc_layout l = {.sz = sizeof(l),
				   .name = "words",
				   .size = WORDS * sizeof(void *),
				   .bitmap = &bits,
				   .bitmap_bits = WORDS};
	struct lane_gc_layout t = {
		.sz = sizeof(t), .name = "traced", .size = sizeof(struct traced), .trace = trace};

	if (lane_gc_type_create(&l, &words) || lane_gc_type_create(&t, &traced))
		ksft_exit_fail_msg("lane_gc_type_create");
}

/* By a thread of its own, so that no other stack has ever shown them. */
static void *make(void *arg)
{
	lane_gc_handle_create(lane_gc_alloc(words)); /* the spans stay */
	lane_gc_handle_create(lane_gc_alloc(traced));
	for (int i = 0; i < N; i++) {
		void **obj = lane_gc_alloc(words);
		struct traced *t = lane_gc_alloc(traced);

		t->dead = 1;
		lane_gc_write(obj, t);
		hidden[i] = ~(uintptr_t)obj;
		behind[i] = ~(uintptr_t)t;
	}
	return arg;
}

static bool all_swept(void)
{
	for (int i = 0; i < N; i++)
		if (lane_gc_base((void *)~hidden[i]) || lane_gc_base((void *)~behind[i]))
			return false;
	return true;
}

static void *collect(void *arg)
{
	return (void *)(intptr_t)(lane_gc_collect() ? 1 : (intptr_t)arg);
}

static void *take(void *arg)
{
	takes = true;
	opaque(lane_gc_alloc(words));
	return arg;
}

/* All that is marked was scanned again. */
static bool is_scanned(void)
{
	u64 n;

	return !queue_has_lost() && !READ_ONCE(mark_active) && queue_is_quiet(&n);
}

int main(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	pthread_t t, collector;
	double end;

	ksft_print_header();
	ksft_set_plan(4);
	gc_begin(&o);
	make_types();
	gc_thread(&t, make, NULL);
	pthread_join(t, NULL);
	lane_gc_collect();
	ksft_test_result(all_swept() && !atomic_load(&called), "objects are swept");
	gc_test.at = hold;
	start_thread(&collector, collect, NULL);
	wait_for(&at_roots);
	gc_thread(&t, take, NULL);
	wait_for(&taken);
	queue_lose();
	atomic_store(&collect_on, true);
	for (end = ksft_now() + SECONDS; !is_scanned() && ksft_now() < end;)
		usleep(200);
	ksft_test_result(is_scanned() && atomic_load(&taken),
			 "their slots are taken, and all that is marked is scanned again");
	atomic_store(&take_on, true);
	pthread_join(t, NULL);
	pthread_join(collector, NULL);
	gc_test.at = NULL;
	ksft_test_result(!atomic_load(&called), "no callback is called for what was swept (%d)",
			 atomic_load(&called));
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
	ksft_finished();
}
