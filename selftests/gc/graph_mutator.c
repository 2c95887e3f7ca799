// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
// variant: cpu LANE_CONF=mode:rseq QUICK=1
// variant: unchecked LANE_CONF=gc_check:false
/*
 * Graphs of random shapes whose nodes are known. Each thread has a graph of its own and
 * a shadow of it in malloc's memory: which node refers to which, by number. It rewires
 * both, lets parts go, takes parts back, and after a cycle walks the graph along the
 * shadow: every node must be whole and be the one that the shadow says. Beside that the
 * threads exchange subgraphs through shared roots, of which they know the checksums only.
 */
#include "nodes.h"

#define THREADS 4
#define NODES 600  /* of a thread's graph */
#define DEGREE 12u /* references of a node at most */
#define SHARED 32

struct shadow {
	uint64_t id; /* 0: no node */
	unsigned int n;
	int to[DEGREE]; /* index of a node, -1: NULL */
};

struct mutator {
	uint64_t rng;
	uint64_t next_id;
	uint64_t steps, walks, swaps, broken;
	struct shadow shadow[NODES];
	struct node **index; /* a collected array, itself a root: node by index */
};

static struct node *_Atomic shared[SHARED]; /* a root range */
static _Atomic bool stop;

/* A tree of a few nodes whose ids follow from the first one. */
static struct node *make_tree(uint64_t *rng, uint64_t id, unsigned int depth)
{
	unsigned int n = depth ? 1 + (unsigned int)(ksft_random(rng) % 3) : 0;
	struct node *node = node_make((enum node_kind)(id % NODE_KINDS), id, n);

	for (unsigned int i = 0; i < n; i++)
		node_set(node, i, make_tree(rng, id * 4 + i + 1, depth - 1));
	return node;
}

static bool tree_whole(const struct node *node, uint64_t id)
{
	if (!node || node->id != id || !node_whole(node))
		return false;
	for (unsigned int i = 0; i < node->n; i++)
		if (!tree_whole(node_get(node, i), id * 4 + i + 1))
			return false;
	return true;
}

/* Take what is in a shared slot, look at it, and leave something else there. */
static void swap_shared(struct mutator *m)
{
	unsigned int i = ksft_random(&m->rng) % SHARED;
	struct node *mine =
		ksft_random(&m->rng) % 4 ? make_tree(&m->rng, 1 + m->steps % 1000, 4) : NULL;
	struct node *theirs;

	do
		theirs = atomic_load(&shared[i]);
	while (lane_gc_cmpxchg(&shared[i], theirs, mine) != theirs);
	if (theirs && !tree_whole(theirs, theirs->id)) {
		ksft_print_msg("a shared tree is broken at %p", (void *)theirs);
		m->broken++;
	}
	m->swaps++;
}

static void new_node(struct mutator *m, int at)
{
	struct shadow *s = &m->shadow[at];
	unsigned int n = (unsigned int)(ksft_random(&m->rng) % (DEGREE + 1));
	struct node *node;

	*s = (struct shadow){.id = ++m->next_id, .n = n};
	node = node_make((enum node_kind)(ksft_random(&m->rng) % NODE_KINDS), s->id, n);
	for (unsigned int i = 0; i < n; i++)
		s->to[i] = -1;
	lane_gc_write(&m->index[at], node);
}

static int any_node(struct mutator *m)
{
	return (int)(ksft_random(&m->rng) % NODES);
}

/* One reference of one node to another one. */
static void rewire(struct mutator *m)
{
	int at = any_node(m), to = any_node(m);
	struct shadow *s = &m->shadow[at];
	unsigned int i;

	if (!s->id || !s->n)
		return;
	i = (unsigned int)(ksft_random(&m->rng) % s->n);
	if (!m->shadow[to].id || ksft_random(&m->rng) % 8 == 0)
		to = -1;
	s->to[i] = to;
	node_set(m->index[at], i, to < 0 ? NULL : m->index[to]);
}

/* The index forgets a node; nodes that refer to it keep it, and find it again. */
static void hide_and_find(struct mutator *m)
{
	int at = any_node(m), to = -1;
	struct shadow *s = &m->shadow[at];
	unsigned int i;

	if (!s->id || !s->n)
		return;
	i = (unsigned int)(ksft_random(&m->rng) % s->n);
	to = s->to[i];
	if (to < 0 || to == at)
		return;
	lane_gc_write(&m->index[to], NULL);
	/* Only the reference in the node is left, for some time. */
	for (uint64_t k = ksft_random(&m->rng) % 64; k; k--)
		gc_garbage(64 + k);
	lane_gc_write(&m->index[to], node_get(m->index[at], i));
}

/* A node goes, and with it all that refers to it. */
static void drop(struct mutator *m)
{
	int at = any_node(m);

	if (!m->shadow[at].id)
		return;
	for (int k = 0; k < NODES; k++) {
		for (unsigned int i = 0; i < m->shadow[k].n; i++) {
			if (m->shadow[k].to[i] != at)
				continue;
			m->shadow[k].to[i] = -1;
			node_set(m->index[k], i, NULL);
		}
	}
	lane_gc_write(&m->index[at], NULL);
	m->shadow[at] = (struct shadow){0};
}

static void walk(struct mutator *m)
{
	m->walks++;
	for (int k = 0; k < NODES; k++) {
		const struct shadow *s = &m->shadow[k];
		const struct node *node = m->index[k];

		if (!s->id != !node) {
			m->broken++;
			continue;
		}
		if (!node)
			continue;
		if (!node_whole(node) || node->id != s->id || node->n != s->n) {
			ksft_print_msg("node %d at %p: id %llu instead of %llu", k,
				       (const void *)node, (unsigned long long)node->id,
				       (unsigned long long)s->id);
			m->broken++;
			continue;
		}
		for (unsigned int i = 0; i < s->n; i++)
			if (node_get(node, i) != (s->to[i] < 0 ? NULL : m->index[s->to[i]]))
				m->broken++;
	}
}

static void step(struct mutator *m)
{
	unsigned int what = ksft_random(&m->rng) % 100;

	m->steps++;
	if (what < 60) {
		rewire(m);
	} else if (what < 80) {
		hide_and_find(m);
	} else if (what < 90) {
		int at = any_node(m);

		if (!m->shadow[at].id)
			new_node(m, at);
	} else if (what < 93) {
		drop(m);
	} else {
		swap_shared(m);
	}
}

static void *mutate(void *arg)
{
	struct mutator *m = arg;
	uint64_t cycle = 0;

	if (lane_gc_add_roots(&m->index, sizeof(m->index)))
		ksft_exit_fail_msg("lane_gc_add_roots");
	lane_gc_write(&m->index, lane_gc_alloc_conservative(NODES * sizeof(void *)));
	for (int k = 0; k < NODES; k++)
		new_node(m, k);
	while (!atomic_load(&stop)) {
		for (int i = 0; i < 200; i++)
			step(m);
		if (gc_stats().cycles != cycle) {
			cycle = gc_stats().cycles;
			walk(m);
		}
	}
	walk(m);
	return NULL;
}

static struct mutator mutators[THREADS];

int main(int argc, char **argv)
{
	double seconds = ksft_quick() ? 3 : 10, end;
	uint64_t broken = 0, walks = 0, steps = 0, swaps = 0, faults = 0, rng;
	pthread_t t[THREADS];

	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(3);
	rng = ksft_seed() | 1;
	gc_begin_small();
	node_make_types();
	if (lane_gc_add_roots(shared, sizeof(shared)))
		ksft_exit_fail_msg("lane_gc_add_roots");
	for (int i = 0; i < THREADS; i++) {
		mutators[i].rng = ksft_random(&rng) | 1;
		gc_thread(&t[i], mutate, &mutators[i]);
	}
	for (end = ksft_now() + seconds; ksft_now() < end;)
		faults += (uint64_t)lane_gc_verify();
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		broken += mutators[i].broken;
		walks += mutators[i].walks;
		steps += mutators[i].steps;
		swaps += mutators[i].swaps;
	}
	ksft_print_msg("%llu cycles, %llu steps, %llu swaps, %llu walks",
		       (unsigned long long)gc_stats().cycles, (unsigned long long)steps,
		       (unsigned long long)swaps, (unsigned long long)walks);
	ksft_test_result(broken == 0, "every node is the one that the shadow knows");
	ksft_test_result(walks > THREADS, "graphs were walked between cycles");
	ksft_test_result(faults == 0, "the verifier finds no fault");
	ksft_finished();
}
