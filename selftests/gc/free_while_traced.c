// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * lane_gc_free() of an object while a marker is in its callback: it stays what it is until the
 * next cycle, so that the callback finds no other object in its place. And of one that was freed
 * before, to which something dead leads a marker, no callback is called.
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

struct parent {
	void *child;
};

static _Atomic bool ended;

static void *collect_and_tell(void *arg)
{
	collect(arg);
	atomic_store(&ended, true);
	return NULL;
}

/* The parent is not used any more either, but something looks like a reference to it. */
static __attribute__((noinline)) void free_child(const struct lane_gc_type *parents,
						 const struct lane_gc_type *type)
{
	struct parent *parent = lane_gc_alloc(parents);
	struct vector *v = lane_gc_alloc(type);

	v->n = NUMBER;
	lane_gc_write(&parent->child, v);
	lane_gc_write(&root, parent);
	if (lane_gc_free(v))
		ksft_exit_fail_msg("lane_gc_free");
}

static void freed_before(const struct lane_gc_type *type)
{
	static const uint64_t bits = 1;
	struct lane_gc_layout l = {.sz = sizeof(l),
				   .name = "parent",
				   .size = sizeof(struct parent),
				   .bitmap = &bits,
				   .bitmap_bits = 1};
	const struct lane_gc_type *parents;
	pthread_t t;

	if (lane_gc_type_create(&l, &parents))
		ksft_exit_fail_msg("lane_gc_type_create");
	atomic_store(&inside, false);
	free_child(parents, type);
	gc_wipe_stack();
	start_thread(&t, collect_and_tell, NULL);
	while (!atomic_load(&inside) && !atomic_load(&ended))
		usleep(200);
	pthread_join(t, NULL);
	ksft_test_result(!atomic_load(&inside), "what was freed before is not traced");
	lane_gc_write(&root, NULL);
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
	ksft_set_plan(5);
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
	freed_before(vectors);
	ksft_test_result(!lane_gc_verify(), "the verifier finds no fault");
	ksft_finished();
}
