// SPDX-License-Identifier: MIT
/*
 * The work that Ellis and Kovac thought of, and Boehm made known as GCBench: a
 * tree of DEPTH + 2 made and dropped; one of DEPTH and an array of numbers that
 * stay; then, for depths 4, 6, ... DEPTH, as many nodes at each depth, first
 * from the root down, which stores into old nodes, then from the leaves up.
 * gcbench DEPTH
 */
#include "heap.h"

#define MIN_DEPTH 4

struct node {
	struct node *left, *right;
	uint32_t i, j;
};

static struct heap_type node_type;
static double made;

static uint64_t tree_size(unsigned int depth)
{
	return (2ull << depth) - 1;
}

static struct node *new_node(void)
{
	struct node *n = heap_new(&node_type);

	heap_null(&n->left);
	heap_null(&n->right);
	n->i = n->j = 0;
	return n;
}

/* From the root down. */
static void populate(unsigned int depth, struct node *n)
{
	if (!depth)
		return;
	heap_store(&n->left, new_node());
	heap_store(&n->right, new_node());
	populate(depth - 1, n->left);
	populate(depth - 1, n->right);
}

/* From the leaves up. */
static struct node *assemble(unsigned int depth)
{
	struct node *left, *right, *n;

	if (!depth)
		return new_node();
	left = assemble(depth - 1);
	right = assemble(depth - 1);
	n = new_node();
	heap_store(&n->left, left);
	heap_store(&n->right, right);
	return n;
}

static uint64_t count(const struct node *n)
{
	return n ? 1 + count(n->left) + count(n->right) : 0;
}

static void fell(struct node *n)
{
	if (!n)
		return;
	fell(n->left);
	fell(n->right);
	heap_drop(n);
}

static void drop(struct node *n, unsigned int depth)
{
	made += (double)tree_size(depth);
	if (HEAP_MANUAL)
		fell(n);
}

static void both_ways(unsigned int depth, uint64_t times)
{
	for (uint64_t i = 0; i < times; i++) {
		struct node *n = new_node();

		populate(depth, n);
		drop(n, depth);
	}
	for (uint64_t i = 0; i < times; i++)
		drop(assemble(depth), depth);
}

int main(int argc, char **argv)
{
	unsigned int depth = (unsigned int)arg_num(argc, argv, 1, 16);
	size_t n = 500000ull << depth >> 16; /* numbers in the array */
	struct node *tree;
	uint64_t start;
	double *array;

	heap_start();
	node_type = heap_type("node", sizeof(struct node), 3);
	start = now_ns();
	drop(assemble(depth + 2), depth + 2);
	tree = new_node();
	populate(depth, tree);
	array = heap_new_bytes(n * sizeof(*array));
	memset(array, 0, n * sizeof(*array));
	for (size_t i = 1; i < n / 2; i++)
		array[i] = 1.0 / (double)i;
	for (unsigned int d = MIN_DEPTH; d <= depth; d += 2)
		both_ways(d, 2 * tree_size(depth + 2) / tree_size(d));
	if (count(tree) != tree_size(depth) || array[n / 4] != 1.0 / (double)(n / 4))
		die("gcbench: what stays has changed");
	put_result(now_ns() - start, made);
	put("live", (double)(tree_size(depth + 2) * sizeof(struct node)) / 1024, "kB");
	heap_figures();
	return 0;
}
