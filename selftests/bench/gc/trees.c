// SPDX-License-Identifier: MIT
/*
 * Binary trees: one of DEPTH + 1 made and dropped, one of DEPTH that stays, and
 * beside it many of depth 4, 6, ... DEPTH, each made from the leaves up, counted
 * and dropped. trees DEPTH [THREADS]; threads share out the short-lived ones.
 */
#include "heap.h"

#define MIN_DEPTH 4

struct node {
	struct node *left, *right;
};

static struct heap_type node_type;
static unsigned int max_depth, nr_threads;

static struct node *grow(unsigned int depth)
{
	struct node *left, *right, *n;

	if (!depth) {
		n = heap_new(&node_type);
		heap_null(&n->left);
		heap_null(&n->right);
		return n;
	}
	left = grow(depth - 1);
	right = grow(depth - 1);
	n = heap_new(&node_type);
	heap_store(&n->left, left);
	heap_store(&n->right, right);
	return n;
}

static uint64_t count(const struct node *n)
{
	return n->left ? 1 + count(n->left) + count(n->right) : 1;
}

static void fell(struct node *n)
{
	if (n->left) {
		fell(n->left);
		fell(n->right);
	}
	heap_drop(n);
}

static void check(const struct node *n, unsigned int depth)
{
	if (count(n) != (2ull << depth) - 1)
		die("trees: a node is missing");
}

static void one_tree(unsigned int depth)
{
	struct node *n = grow(depth);

	check(n, depth);
	if (HEAP_MANUAL)
		fell(n);
}

static void work(unsigned int id, void *arg)
{
	(void)arg;
	for (unsigned int depth = MIN_DEPTH; depth <= max_depth; depth += 2)
		for (uint64_t i = id; i < 1ull << (max_depth - depth + MIN_DEPTH); i += nr_threads)
			one_tree(depth);
}

/* Nodes made by work(), over all threads. */
static double nodes(void)
{
	double n = 0;

	for (unsigned int depth = MIN_DEPTH; depth <= max_depth; depth += 2)
		n += (double)(1ull << (max_depth - depth + MIN_DEPTH)) *
		     (double)((2ull << depth) - 1);
	return n;
}

int main(int argc, char **argv)
{
	struct node *stays;
	uint64_t start;

	heap_start();
	max_depth = (unsigned int)arg_num(argc, argv, 1, 16);
	nr_threads = (unsigned int)arg_num(argc, argv, 2, 1);
	node_type = heap_type("node", sizeof(struct node), 3);
	start = now_ns();
	one_tree(max_depth + 1);
	stays = grow(max_depth);
	run_threads(nr_threads, work, NULL);
	check(stays, max_depth);
	put_result(now_ns() - start, nodes());
	put("live", (double)((4ull << max_depth) * sizeof(struct node)) / 1024, "kB");
	heap_figures();
	return 0;
}
