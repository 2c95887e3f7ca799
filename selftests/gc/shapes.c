// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * Shapes that are hard on a marker: a list of millions of nodes, arrays of references that
 * are wider than anything, large objects, references into the middle of objects, elements
 * of mixed types, cycles; all survive what they must, and go when they are let go.
 */
#include "nodes.h"

struct link {
	struct link *next;
	uint64_t number;
};

struct mixed {
	uint64_t a;
	void *p;
	uint64_t b;
	void *q;
	uint64_t c;
};

static const struct lane_gc_type *link_type, *mixed_type, *ref_type, *traced_type;
static void *root; /* a root range of one word */

static void trace_mixed(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	struct mixed *m = obj;

	if (size != sizeof(*m))
		abort();
	lane_gc_trace(tracer, (void *const *)&m->p);
	lane_gc_trace(tracer, (void *const *)&m->q);
}

static const struct lane_gc_type *make_type(const char *name, size_t size, uint64_t bits,
					    bool trace)
{
	const struct lane_gc_type *type;
	struct lane_gc_layout l = {.sz = sizeof(l), .name = name, .size = size};

	if (trace) {
		l.trace = trace_mixed;
	} else {
		l.bitmap = &bits;
		l.bitmap_bits = size / sizeof(void *);
	}
	if (lane_gc_type_create(&l, &type))
		ksft_exit_fail_msg("lane_gc_type_create");
	return type;
}

static void hold(void *p)
{
	lane_gc_write(&root, p);
}

/*
 * Bytes that live collected objects take, below @most if possible: words that look like
 * references to what is gone, in frames that are still there, pass.
 */
static uint64_t live_after(uint64_t most)
{
	uint64_t live = UINT64_MAX;

	for (int i = 0; i < 6 && (i < 2 || live > most); i++) {
		gc_wipe_stack();
		lane_gc_collect();
		live = gc_stats().live;
	}
	ksft_print_msg("%llu bytes live", (unsigned long long)live);
	return live;
}

/* On a stack of its own, of which nothing is left for guesses when it is gone. */
static void *run_apart(void *fn)
{
	((void (*)(void))fn)();
	return NULL;
}

static void apart(void (*fn)(void))
{
	pthread_t t;

	gc_thread(&t, run_apart, (void *)fn);
	pthread_join(t, NULL);
}

static __attribute__((noinline)) void make_list(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct link *l = lane_gc_alloc(link_type);

		l->number = i;
		lane_gc_write(&l->next, root);
		hold(l);
	}
}

static __attribute__((noinline)) bool list_whole(uint64_t n)
{
	uint64_t i = n;

	for (struct link *l = root; l; l = l->next)
		if (l->number != --i)
			return false;
	return i == 0;
}

static void list_lives(void)
{
	uint64_t n = ksft_quick() ? 1000000 : 10000000;

	make_list(n);
	lane_gc_collect();
	ksft_test_result(list_whole(n), "a list of %llu nodes", (unsigned long long)n);
	hold(NULL);
}

static void deep_list(void)
{
	uint64_t before = live_after(0);

	apart(list_lives);
	ksft_test_result(live_after(before + MIB(1)) < before + MIB(1), "which goes");
}

static __attribute__((noinline)) bool array_whole(size_t n, uint64_t step)
{
	void **array = root;

	for (size_t i = 0; i < n; i += step) {
		struct link *l = array[i];

		if (l->number != i)
			return false;
	}
	return true;
}

static __attribute__((noinline)) void fill_array(void **array, size_t n, uint64_t step)
{
	hold(array);
	for (size_t i = 0; i < n; i += step) {
		struct link *l = lane_gc_alloc(link_type);

		l->number = i;
		lane_gc_write(&array[i], l);
	}
}

static void arrays_live(void)
{
	size_t n = (ksft_quick() ? MIB(16) : MIB(100)) / sizeof(void *);

	fill_array(lane_gc_alloc_array(ref_type, n), n, 5);
	lane_gc_collect();
	lane_gc_collect();
	ksft_test_result(array_whole(n, 5), "an array of %zu references", n);
	hold(NULL);
	fill_array(lane_gc_alloc_conservative(n * sizeof(void *)), n, 31);
	lane_gc_collect();
	ksft_test_result(array_whole(n, 31), "words that may be references, as many");
	hold(NULL);
}

static void wide_arrays(void)
{
	uint64_t before = live_after(0);

	apart(arrays_live);
	ksft_test_result(live_after(before + MIB(1)) < before + MIB(1), "they go");
}

static bool mixed_whole(struct mixed *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct link *p = m[i].p, *q = m[i].q;

		if (p->number != i || q->number != n - i || m[i].a != i || m[i].c != ~i ||
		    m[i].b != i * 3)
			return false;
	}
	return true;
}

static __attribute__((noinline)) void fill_mixed(struct mixed *m, size_t n)
{
	hold(m);
	for (size_t i = 0; i < n; i++) {
		struct link *p = lane_gc_alloc(link_type), *q = lane_gc_alloc(link_type);

		p->number = i;
		q->number = n - i;
		m[i] = (struct mixed){.a = i, .b = i * 3, .c = ~i};
		lane_gc_write(&m[i].p, p);
		lane_gc_write(&m[i].q, q);
	}
}

static void typed_arrays(void)
{
	static const size_t lengths[] = {1, 2, 3, 25, 399, 6553, 100000};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
		size_t n = lengths[i / 2];

		fill_mixed(lane_gc_alloc_array(i % 2 ? traced_type : mixed_type, n), n);
		lane_gc_collect();
		lane_gc_collect();
		ksft_test_result(mixed_whole(root, n), "%zu elements of a type %s", n,
				 i % 2 ? "by callback" : "by bitmap");
		hold(NULL);
	}
}

/* Packed: a number for each twelve bytes, and no references, of which only a callback can tell. */
static _Atomic uint64_t odd_seen;

static void trace_odd(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	uint32_t number;

	(void)tracer;
	memcpy(&number, (char *)obj + 8, sizeof(number));
	if (size != 12)
		abort();
	atomic_fetch_add(&odd_seen, number);
}

static void odd_elements(void)
{
	struct lane_gc_layout l = {.sz = sizeof(l), .name = "odd", .size = 12, .trace = trace_odd};
	const struct lane_gc_type *type;
	uint64_t n = 100001;
	char *array;

	if (lane_gc_type_create(&l, &type))
		ksft_exit_fail_msg("lane_gc_type_create");
	array = lane_gc_alloc_array(type, n);
	hold(array);
	for (uint32_t i = 0; i < n; i++)
		memcpy(array + i * 12UL + 8, &i, sizeof(i));
	lane_gc_collect();
	atomic_store(&odd_seen, 0);
	lane_gc_collect();
	ksft_test_result(atomic_load(&odd_seen) == n * (n - 1) / 2,
			 "each element of twelve bytes is shown to its callback once");
	hold(NULL);
}

static __attribute__((noinline)) void hold_inside(size_t size)
{
	char *p = lane_gc_alloc_noscan(size);

	pattern_fill(p, size, size);
	hold(p + size - 1);
}

static void interior(void)
{
	static const size_t sizes[] = {16, 24, 100, 1000, 5000, 20000, MIB(1), MIB(300)};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];
		char *p;

		hold_inside(size);
		gc_wipe_stack();
		lane_gc_collect();
		p = (char *)root - (size - 1);
		ksft_test_result(lane_gc_base(root) == p && pattern_holds(p, size, size),
				 "%zu bytes, of which the last is referred to", size);
		hold(NULL);
	}
}

/* Rings of nodes that refer to each other in both directions. */
static __attribute__((noinline)) void make_rings(unsigned int rings, unsigned int length)
{
	for (unsigned int r = 0; r < rings; r++) {
		struct node *first = node_make(NODE_TYPED, 1, 2), *last = first;

		for (unsigned int i = 1; i < length; i++) {
			struct node *node = node_make((enum node_kind)(i % NODE_KINDS), i + 1, 2);

			node_set(node, 0, last);
			node_set(last, 1, node);
			last = node;
		}
		node_set(first, 0, last);
		node_set(last, 1, first);
	}
}

static void rings_live(void)
{
	make_rings(1000, 100);
}

static void cycles(void)
{
	uint64_t before = live_after(0);

	apart(rings_live);
	ksft_test_result(live_after(before + KIB(512)) < before + KIB(512),
			 "rings are no reason to stay");
}

/*
 * Not on the main thread's stack, whose outermost frames keep for ever what was left there before
 * main(): pointers to malloc's pages, which are the collected heap's by now.
 */
static void shapes(void)
{
	deep_list();
	wide_arrays();
	typed_arrays();
	odd_elements();
	interior();
	cycles();
	ksft_test_result(lane_gc_verify() == 0, "the verifier finds no fault");
}

int main(int argc, char **argv)
{
	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(2 + 3 + 14 + 1 + 8 + 1 + 1);
	gc_begin(NULL);
	node_make_types();
	link_type = make_type("link", sizeof(struct link), 1, false);
	ref_type = make_type("reference", sizeof(void *), 1, false);
	mixed_type = make_type("mixed", sizeof(struct mixed), 1 << 1 | 1 << 3, false);
	traced_type = make_type("traced", sizeof(struct mixed), 0, true);
	lane_gc_add_roots(&root, sizeof(root));
	lane_gc_detach();
	apart(shapes);
	ksft_finished();
}
