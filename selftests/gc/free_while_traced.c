// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * lane_gc_free() of an object while a marker is in its callback: it stays what it is until the
 * next cycle, so that the callback finds no other object in its place.
 */
#include "nodes.h"

#define SECONDS 60   /* until a test gives up */
#define OTHERS 20000 /* objects of another type in slots of that size */
#define NUMBER 3

struct vector {
	uint64_t n;
	void *slot[NUMBER];
};

static void *root;
static uintptr_t hidden;
static _Atomic bool inside, go_on;
static _Atomic uint64_t seen;

static void trace_vector(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	volatile struct vector *v = obj;
	double end = ksft_now() + SECONDS;

	(void)size;
	if (v->n != NUMBER)
		return;
	if (!atomic_exchange(&inside, true)) {
		while (!atomic_load(&go_on) && ksft_now() < end)
			usleep(200);
		atomic_store(&seen, v->n);
	}
	for (uint64_t i = 0; i < v->n && i < NUMBER; i++)
		lane_gc_trace(tracer, (void *const *)&v->slot[i]);
}

static void trace_other(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	(void)obj, (void)size, (void)tracer;
}

static void *collect(void *arg)
{
	(void)arg;
	lane_gc_collect();
	return NULL;
}

static __attribute__((noinline)) void make(const struct lane_gc_type *type)
{
	struct vector *v = lane_gc_alloc(type);

	v->n = NUMBER;
	hidden = ~(uintptr_t)v;
	lane_gc_write(&root, v);
}

static __attribute__((noinline)) bool free_and_allocate(const struct lane_gc_type *other)
{
	bool again = false;

	lane_gc_write(&root, NULL);
	if (lane_gc_free((void *)~hidden))
		return false;
	for (int i = 0; i < OTHERS; i++) {
		struct vector *v = lane_gc_alloc(other);

		v->n = i + 100;
		again = again || (uintptr_t)v == ~hidden;
	}
	return !again;
}

int main(void)
{
	struct lane_gc_layout l = {.sz = sizeof(l),
				   .name = "vector",
				   .size = sizeof(struct vector),
				   .trace = trace_vector};
	struct lane_gc_layout other = {.sz = sizeof(other),
				       .name = "other",
				       .size = sizeof(struct vector),
				       .trace = trace_other};
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	const struct lane_gc_type *vectors, *others;
	bool stays;
	pthread_t t;

	ksft_print_header();
	ksft_set_plan(4);
	gc_begin(&o);
	if (lane_gc_type_create(&l, &vectors) || lane_gc_type_create(&other, &others))
		ksft_exit_fail_msg("lane_gc_type_create");
	lane_gc_add_roots(&root, sizeof(root));
	make(vectors);
	gc_wipe_stack();
	start_thread(&t, collect, NULL);
	while (!atomic_load(&inside))
		usleep(200);
	stays = free_and_allocate(others);
	gc_wipe_stack();
	atomic_store(&go_on, true);
	pthread_join(t, NULL);
	ksft_test_result(stays, "no other object has its place");
	ksft_test_result(atomic_load(&seen) == NUMBER, "the callback goes on with what it was");
	lane_gc_collect();
	ksft_test_result(!lane_gc_base((void *)~hidden), "the next cycle frees it");
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
	ksft_finished();
}
