/* SPDX-License-Identifier: MIT */
/*
 * nodes.h - what tests of the collected heap share: a start with small cycles and the
 * verifier, nodes of several kinds whose contents tell what they must be, and threads.
 *
 * A node begins with the same three words, whatever kind of object it is, so that a
 * test knows from a node alone whether it is whole:
 *
 *	id	number, never 0
 *	n	references
 *	sum	node_sum(id, n)
 *
 * and is followed by n references.
 */
#ifndef LANE_GC_TEST_H
#define LANE_GC_TEST_H

#include <lane/lane_gc.h>

#include "../api/snapshot.h"

/* Start again with @conf in LANE_CONF, behind what the caller of the test has set. */
static inline void gc_conf(char **argv, const char *conf)
{
	const char *given = getenv("LANE_CONF");
	char both[512];

	if (getenv("GC_TEST_STARTED"))
		return;
	snprintf(both, sizeof(both), "%s%s%s", conf, given ? "," : "", given ? given : "");
	setenv("LANE_CONF", both, 1);
	setenv("GC_TEST_STARTED", "1", 1);
	execv(own_path(), argv);
	ksft_exit_fail_msg("exec: %s", strerror(errno));
}

static inline void gc_begin(const struct lane_gc_options *o)
{
	int err = lane_gc_init(o);

	if (!err)
		err = lane_gc_attach();
	if (err)
		ksft_exit_fail_msg("the collected heap does not start: %s", strerror(-err));
}

/* A heap that is collected all the time. */
static inline void gc_begin_small(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = 20, .min_heap = KIB(256)};

	gc_begin(&o);
}

static inline struct lane_gc_stats gc_stats(void)
{
	struct lane_gc_stats st = {.sz = sizeof(st)};
	int err = lane_gc_stats_read(&st);

	if (err)
		ksft_exit_fail_msg("lane_gc_stats_read: %s", strerror(-err));
	return st;
}

static inline void gc_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
	int err = lane_gc_pthread_create(t, NULL, fn, arg);

	if (err)
		ksft_exit_fail_msg("lane_gc_pthread_create: %s", strerror(err));
}

/* What the caller's frames and registers left below is no reference any more. */
static __attribute__((noinline, unused)) void gc_wipe_stack(void)
{
	volatile char junk[KIB(24)];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = 0;
}

/* Something that is dropped at once. */
static inline void gc_garbage(size_t size)
{
	opaque(lane_gc_alloc_noscan(size));
}

struct node {
	uint64_t id;
	uint64_t n;
	uint64_t sum;
	struct node *ref[];
};

enum node_kind { NODE_TYPED, NODE_CONSERVATIVE, NODE_TRACED, NODE_KINDS };

#define NODE_MAX 24u /* references of a node of a type of its own */

static const struct lane_gc_type *node_types[NODE_MAX + 1];
static const struct lane_gc_type *node_traced[NODE_MAX + 1];

static inline uint64_t node_sum(uint64_t id, uint64_t n)
{
	return (id * 0x9e3779b97f4a7c15ULL ^ n) | 1;
}

static inline void node_trace(void *obj, size_t size, struct lane_gc_tracer *tracer)
{
	struct node *node = obj;
	uint64_t n = __atomic_load_n(&node->n, __ATOMIC_RELAXED);

	if (n > (size - sizeof(*node)) / sizeof(void *))
		abort();
	for (uint64_t i = 0; i < n; i++)
		lane_gc_trace(tracer, (void *const *)&node->ref[i]);
}

static inline void node_make_types(void)
{
	for (unsigned int n = 0; n <= NODE_MAX; n++) {
		uint64_t bits = ((1ULL << n) - 1) << 3;
		struct lane_gc_layout l = {
			.sz = sizeof(l),
			.name = "node",
			.size = sizeof(struct node) + n * sizeof(void *),
			.bitmap = &bits,
			.bitmap_bits = 3 + n,
		};
		struct lane_gc_layout t = {
			.sz = sizeof(t), .name = "traced", .size = l.size, .trace = node_trace};

		if (lane_gc_type_create(&l, &node_types[n]) ||
		    lane_gc_type_create(&t, &node_traced[n]))
			ksft_exit_fail_msg("lane_gc_type_create");
	}
}

static inline void node_label(struct node *node, uint64_t id, uint64_t n)
{
	node->id = id;
	node->sum = node_sum(id, n);
	__atomic_store_n(&node->n, n, __ATOMIC_RELEASE);
}

static inline struct node *node_make(enum node_kind kind, uint64_t id, unsigned int n)
{
	struct node *node;

	if (kind == NODE_CONSERVATIVE || n > NODE_MAX)
		node = lane_gc_alloc_conservative(sizeof(*node) + n * sizeof(void *));
	else
		node = lane_gc_alloc(kind == NODE_TRACED ? node_traced[n] : node_types[n]);
	if (!node)
		ksft_exit_fail_msg("no memory for a node: %s", strerror(errno));
	if (!all_zero(node, sizeof(*node) + n * sizeof(void *)))
		ksft_exit_fail_msg("a new node at %p is not zeroed", (void *)node);
	node_label(node, id, n);
	return node;
}

static inline bool node_whole(const struct node *node)
{
	return node->id && node->sum == node_sum(node->id, node->n);
}

static inline void node_set(struct node *node, unsigned int i, struct node *value)
{
	lane_gc_write(&node->ref[i], value);
}

static inline struct node *node_get(const struct node *node, unsigned int i)
{
	return __atomic_load_n(&node->ref[i], __ATOMIC_ACQUIRE);
}

#endif /* LANE_GC_TEST_H */
