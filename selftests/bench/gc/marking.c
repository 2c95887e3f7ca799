// SPDX-License-Identifier: MIT
/*
 * What one live object costs a whole collection. OBJECTS nodes of 64 bytes with
 * two references each; nothing dies. marking OBJECTS [SHAPE] [COLLECTIONS]
 *
 * SHAPE tree: a binary tree whose nodes stand at random places, so that each is
 * reached once. graph: a ring through all of them in random order, and a second
 * reference from each to any other: each is reached twice on average.
 */
#include "heap.h"

#define MOST 64

struct node {
	struct node *a, *b;
	uint64_t number, pad[5];
};

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

static struct node *link_up(size_t n, bool tree, struct rng *r)
{
	for (size_t i = 0; i < n; i++) {
		struct node *node = nodes[i];
		size_t left = 2 * i + 1;

		if (!tree) {
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

static void put_median(const char *name, double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	put(name, v[n / 2], "ns");
}

static void collect(size_t n, size_t times)
{
	double wall[MOST], cpu[MOST];

	heap_collect();
	heap_window();
	for (size_t i = 0; i < times; i++) {
		uint64_t start = now_ns(), start_cpu = cpu_ns();

		heap_collect();
		wall[i] = (double)(now_ns() - start) / (double)n;
		cpu[i] = (double)(cpu_ns() - start_cpu) / (double)n;
	}
	put_median("wall_per_object", wall, times);
	put_median("cpu_per_object", cpu, times);
}

/* In the tree each node is found by its path; the ring is followed. */
static void check(const struct node *root, size_t n, bool tree)
{
	const struct node *at = root;
	size_t depth = 0;

	if (tree) {
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

int main(int argc, char **argv)
{
	size_t n = arg_num(argc, argv, 1, 1000000);
	bool tree = argc > 2 && !strcmp(argv[2], "tree");
	size_t times = arg_num(argc, argv, 3, 5);
	struct node *root;
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
	shuffle(n, &r);
	root = link_up(n, tree, &r);
	heap_store(&nodes, NULL);
	put("built", (double)(now_ns() - start) / (double)n, "ns");
	collect(n, times);
	put("live", (double)(n * sizeof(struct node)) / 1024, "kB");
	put("peak_rss", peak_kb(), "kB");
	heap_figures();
	check(root, n, tree);
	return 0;
}
