// SPDX-License-Identifier: MIT
/*
 * What one live object costs a whole collection. OBJECTS nodes of 64 bytes with
 * two references each; nothing dies. marking OBJECTS [SHAPE] [COLLECTIONS]
 *
 * SHAPE tree: a binary tree whose nodes stand at random places, so that each is
 * reached once. graph: a ring through all of them in random order, and a second
 * reference from each to any other: each is reached twice on average. ordered: an array
 * refers to all of them, in the order in which they were made.
 *
 * Medians, and the least of all collections, which other work disturbs less. marking_*:
 * of the CPU time, what the collector says that marking took, where it does.
 */
#include "heap.h"

#define MOST 64

struct node {
	struct node *a, *b;
	uint64_t number, pad[5];
};

enum shape { TREE, GRAPH, ORDERED };

static struct heap_type node_type;
static struct node **nodes; /* while they are made; a root */

static void make(size_t n)
{
	nodes = heap_new_refs(n);
	for (size_t i = 0; i < n; i++) {
		struct node *node = heap_new(&node_type);

		heap_null(&node->a);
		heap_null(&node->b);
		node->number = i;
		heap_store(&nodes[i], node);
	}
}

static void shuffle(size_t n, struct rng *r)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = rnd_below(r, (uint32_t)(i + 1));
		struct node *at = nodes[i];

		heap_store(&nodes[i], nodes[j]);
		heap_store(&nodes[j], at);
	}
}

static struct node *link_up(size_t n, enum shape shape, struct rng *r)
{
	for (size_t i = 0; i < n; i++) {
		struct node *node = nodes[i];
		size_t left = 2 * i + 1;

		if (shape == GRAPH) {
			heap_store(&node->a, nodes[(i + 1) % n]);
			heap_store(&node->b, nodes[rnd_below(r, (uint32_t)n)]);
			continue;
		}
		if (left < n)
			heap_store(&node->a, nodes[left]);
		if (left + 1 < n)
			heap_store(&node->b, nodes[left + 1]);
	}
	return nodes[0];
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Figures of one kind, one of each collection. */
static void put_all(const char *kind, double *v, size_t n)
{
	char name[64];

	qsort(v, n, sizeof(*v), by_value);
	snprintf(name, sizeof(name), "%s_per_object", kind);
	put(name, v[n / 2], "ns");
	snprintf(name, sizeof(name), "%s_least", kind);
	put(name, v[0], "ns");
}

static void collect(size_t n, size_t times)
{
	double wall[MOST], cpu[MOST], marking[MOST];

	heap_collect();
	heap_window();
	for (size_t i = 0; i < times; i++) {
		uint64_t start = now_ns(), start_cpu = cpu_ns(), marked = heap_marking_ns();

		heap_collect();
		wall[i] = (double)(now_ns() - start) / (double)n;
		cpu[i] = (double)(cpu_ns() - start_cpu) / (double)n;
		marking[i] = (double)(heap_marking_ns() - marked) / (double)n;
	}
	put_all("wall", wall, times);
	put_all("cpu", cpu, times);
	if (heap_marking_ns())
		put_all("marking", marking, times);
}

static void check_ordered(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (nodes[i]->number != i)
			die("marking: a node has changed");
	}
}

/* In the tree each node is found by its path; the ring is followed. */
static void check(const struct node *root, size_t n, enum shape shape)
{
	const struct node *at = root;
	size_t depth = 0;

	if (shape == TREE) {
		for (; at->a; at = at->a)
			depth++;
		if (depth != 63 - (size_t)__builtin_clzll(n))
			die("marking: the tree has changed");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (at->number >= n)
			die("marking: a node has changed");
		at = at->a;
	}
	if (at != root)
		die("marking: the ring has changed");
}

static enum shape shape_of(int argc, char **argv)
{
	const char *name = argc > 2 ? argv[2] : "graph";

	if (!strcmp(name, "tree"))
		return TREE;
	if (!strcmp(name, "graph"))
		return GRAPH;
	if (!strcmp(name, "ordered"))
		return ORDERED;
	die("marking: tree, graph or ordered");
	return GRAPH;
}

int main(int argc, char **argv)
{
	size_t n = arg_num(argc, argv, 1, 1000000);
	enum shape shape = shape_of(argc, argv);
	size_t times = arg_num(argc, argv, 3, 5);
	struct node *root = NULL;
	struct rng r;
	uint64_t start;

	heap_start();
	heap_root(&nodes, sizeof(nodes));
	if (n < 4 || n >= UINT32_MAX || !times || times > MOST)
		die("marking: 4 to 2^32 - 1 objects, 1 to 64 collections");
	node_type = heap_type("node", sizeof(struct node), 3);
	rng_seed(&r, 1);
	start = now_ns();
	make(n);
	if (shape != ORDERED) {
		shuffle(n, &r);
		root = link_up(n, shape, &r);
		heap_store(&nodes, NULL);
	}
	put("built", (double)(now_ns() - start) / (double)n, "ns");
	collect(n, times);
	put("live", (double)(n * sizeof(struct node)) / 1024, "kB");
	put("peak_rss", peak_kb(), "kB");
	heap_figures();
	if (shape == ORDERED)
		check_ordered(n);
	else
		check(root, n, shape);
	return 0;
}
