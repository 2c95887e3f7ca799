// SPDX-License-Identifier: MIT
/*
 * Binary trees of 2^17 nodes, built, walked three times and taken down, by
 * each thread: many tiny objects, and what their placement costs.
 * tree SCALE [THREADS]
 */
#include "bench.h"

#define DEPTH 17

struct node {
	struct node *left, *right;
	uint64_t value;
};

static size_t trees;

static struct node *grow(unsigned int depth, struct rng *r)
{
	struct node *n = must(malloc(sizeof(*n)));

	n->value = rnd(r);
	n->left = depth ? grow(depth - 1, r) : NULL;
	n->right = depth ? grow(depth - 1, r) : NULL;
	return n;
}

static uint64_t sum(const struct node *n)
{
	return n ? n->value + sum(n->left) + sum(n->right) : 0;
}

static void fell(struct node *n)
{
	if (!n)
		return;
	fell(n->left);
	fell(n->right);
	free(n);
}

static void work(unsigned int id, void *arg)
{
	struct rng r;

	(void)arg;
	rng_seed(&r, id);
	for (size_t n = 0; n < trees; n++) {
		struct node *root = grow(DEPTH - 1, &r);
		uint64_t total = 0;

		for (int i = 0; i < 3; i++)
			total += sum(root);
		keep((void *)(uintptr_t)total);
		fell(root);
	}
}

int main(int argc, char **argv)
{
	unsigned int threads = (unsigned int)arg_num(argc, argv, 2, 1);
	uint64_t ns;

	trees = scaled(arg_scale(argc, argv), 200);
	ns = run_threads(threads, work, NULL);
	put_result(ns, (double)trees * ((1 << DEPTH) - 1));
	return 0;
}
