// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * lane_gc_free() while marking runs of what is left to the sweep: large objects, and those that say
 * themselves what they are. No callback is called for it, and a second one is found, then and
 * after the end of marking.
 */
#include "nodes.h"

#include <signal.h>

#define SECONDS 60   /* until a test gives up */
#define PATIENCE 100 /* of who waits for that */
#define DIED 42	     /* exit status: by abort(), in the second lane_gc_free() */

enum what { TRACED, ARRAY, LARGE, LARGE_TRACED, KINDS };

static const char *const names[KINDS] = {"an object by callback", "an array", "a large object",
					 "a large one by callback"};

struct one {
	void *ref;
	uint64_t number;
};

static void *root;
static _Atomic bool inside, go_on;
static _Atomic int called_by_free;
static __thread bool freeing;

static void trace_one(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	struct one *o = obj;

	(void)size;
	atomic_fetch_add(&called_by_free, freeing);
	lane_gc_trace(tracer, &o->ref);
}

/* Holds up the marking. */
static void trace_gate(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	double end = ksft_now() + SECONDS;

	(void)obj, (void)size, (void)tracer;
	atomic_store(&inside, true);
	while (!atomic_load(&go_on) && ksft_now() < end)
		usleep(200);
}

static const struct lane_gc_type *make_type(struct lane_gc_layout l)
{
	const struct lane_gc_type *type;

	l.sz = sizeof(l);
	if (lane_gc_type_create(&l, &type))
		ksft_exit_fail_msg("lane_gc_type_create");
	return type;
}

static void *make(enum what what)
{
	static const uint64_t bits = 1;
	const struct lane_gc_type *traced =
		make_type((struct lane_gc_layout){.size = sizeof(struct one), .trace = trace_one});
	const struct lane_gc_type *mixed = make_type((struct lane_gc_layout){
		.size = sizeof(struct one), .bitmap = &bits, .bitmap_bits = 1});

	switch (what) {
	case TRACED:
		return lane_gc_alloc(traced);
	case ARRAY:
		return lane_gc_alloc_array(mixed, 3);
	case LARGE:
		return lane_gc_alloc_conservative(MIB(1));
	default:
		return lane_gc_alloc_array(traced, MIB(1) / sizeof(struct one));
	}
}

static void *collect(void *arg)
{
	(void)arg;
	lane_gc_collect();
	return NULL;
}

static _Atomic bool second;

static void on_abort(int sig)
{
	(void)sig;
	_exit(atomic_load(&second) ? DIED : 1);
}

struct call {
	enum what what;
	bool later; /* the second one */
};

static int free_twice(void *arg)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	const struct call *c = arg;
	void *obj;
	pthread_t t;

	freopen("/dev/null", "w", stderr);
	gc_begin(&o);
	signal(SIGABRT, on_abort);
	lane_gc_add_roots(&root, sizeof(root));
	lane_gc_write(&root, lane_gc_alloc(make_type(
				     (struct lane_gc_layout){.size = 8, .trace = trace_gate})));
	obj = make(c->what);
	start_thread(&t, collect, NULL);
	while (!atomic_load(&inside))
		usleep(200);
	freeing = true;
	if (lane_gc_free(obj))
		return 2;
	freeing = false;
	if (atomic_load(&called_by_free))
		return 3;
	if (c->later) {
		atomic_store(&go_on, true);
		pthread_join(t, NULL);
	}
	atomic_store(&second, true);
	return lane_gc_free(obj) ? 4 : 5;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(2 * KINDS);
	for (int i = 0; i < 2 * KINDS; i++) {
		struct call c = {.what = i % KINDS, .later = i >= KINDS};
		int status = in_child(free_twice, &c, PATIENCE);

		ksft_test_result(status == DIED, "%s, freed twice%s (%d)", names[c.what],
				 c.later ? ", once after the end of marking" : "", status);
	}
	ksft_finished();
}
