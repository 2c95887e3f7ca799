// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * Weak references and finalizers: cleared before, run once, on a thread of their own, with
 * all that the object reaches still whole; resurrection; finalizers that allocate and store, and
 * that look at others which are queued.
 */
#include "nodes.h"

#define MANY (ksft_quick() ? 20000u : 200000u)

static _Atomic uint64_t ran, wrong;
static struct node *saved[64]; /* a root range */
static struct lane_gc_weak *weak[64];

static void note(void *obj, void *arg)
{
	struct node *node = obj;

	if (!node_whole(node) || node->id != (uintptr_t)arg ||
	    (node->n && !node_whole(node_get(node, 0))))
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&ran, 1);
}

static void collect_twice(void)
{
	for (int i = 0; i < 2; i++) {
		gc_wipe_stack();
		lane_gc_collect();
	}
}

/* Words that look like references, in frames of the finalizers' thread say, pass. */
static void collect_until(uint64_t n)
{
	for (int i = 0; i < 50 && atomic_load(&ran) < n; i++) {
		collect_twice();
		usleep(i * 1000);
	}
}

/* Run @fn on a stack that is gone afterwards. */
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

static void set_many(void)
{
	for (uintptr_t i = 1; i <= MANY; i++) {
		struct node *node = node_make(NODE_TYPED, i, 1);

		node_set(node, 0, node_make(NODE_CONSERVATIVE, i, 0));
		if (lane_gc_set_finalizer(node, note, (void *)i))
			atomic_fetch_add(&wrong, 1);
	}
}

static void many(void)
{
	apart(set_many);
	collect_until(MANY);
	ksft_test_result(atomic_load(&ran) == MANY && !atomic_load(&wrong),
			 "%u finalizers run once, and find their objects whole", MANY);
	collect_twice();
	usleep(20000);
	ksft_test_result(atomic_load(&ran) == MANY && gc_stats().finalizers == MANY,
			 "and not again");
}

static void set_and_take_back(void)
{
	struct node *node = node_make(NODE_TYPED, 1, 0);

	ksft_test_result(lane_gc_set_finalizer(node, NULL, NULL) == -ENOENT, "none to take back");
	ksft_test_result(lane_gc_set_finalizer(node, note, (void *)1) == 0 &&
				 lane_gc_set_finalizer(node, note, (void *)1) == -EEXIST,
			 "a second finalizer: EEXIST");
	ksft_test_result(lane_gc_set_finalizer(node, NULL, NULL) == 0 &&
				 lane_gc_set_finalizer(node, NULL, NULL) == -ENOENT,
			 "taken back");
	ksft_test_result(lane_gc_set_finalizer((char *)node + 8, note, NULL) == -EINVAL &&
				 lane_gc_set_finalizer(&node, note, NULL) == -EINVAL &&
				 lane_gc_set_finalizer(NULL, note, NULL) == -EINVAL,
			 "the inside of an object, or no object: EINVAL");
}

static void take_back(void)
{
	uint64_t before = atomic_load(&ran);

	apart(set_and_take_back);
	collect_twice();
	usleep(20000);
	ksft_test_result(atomic_load(&ran) == before, "what was taken back does not run");
}

/* The object comes back, with a weak reference from before and one from after. */
static void revive(void *obj, void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;

	if (lane_gc_weak_get(weak[i]))
		atomic_fetch_add(&wrong, 1);
	lane_gc_write(&saved[i], obj);
	if (lane_gc_set_finalizer(obj, note, (void *)(uintptr_t)((struct node *)obj)->id))
		atomic_fetch_add(&wrong, 1);
	gc_garbage(1000);
	atomic_fetch_add(&ran, 1);
}

static void set_revive(void)
{
	for (size_t i = 0; i < 64; i++) {
		struct node *node = node_make(NODE_TRACED, i + 1, 1);

		node_set(node, 0, node_make(NODE_TYPED, i + 1, 0));
		weak[i] = lane_gc_weak_create(node);
		if (lane_gc_weak_get(weak[i]) != node ||
		    lane_gc_set_finalizer(node, revive, (void *)i))
			atomic_fetch_add(&wrong, 1);
	}
}

static bool revived;

static void look_at_revived(void)
{
	revived = true;
	for (size_t i = 0; i < 64; i++)
		revived = revived && saved[i] && node_whole(saved[i]) &&
			  node_whole(node_get(saved[i], 0)) && !lane_gc_weak_get(weak[i]);
}

static void let_go(void)
{
	lane_gc_clear(saved, sizeof(saved));
}

static void resurrection(void)
{
	uint64_t before = atomic_load(&ran);

	lane_gc_add_roots(saved, sizeof(saved));
	apart(set_revive);
	collect_until(before + 64);
	collect_twice();
	apart(look_at_revived);
	ksft_test_result(revived && atomic_load(&ran) == before + 64 && !atomic_load(&wrong),
			 "revived objects are whole, and not found by old weak references");
	apart(let_go);
	collect_until(before + 128);
	ksft_test_result(atomic_load(&ran) == before + 128 && !atomic_load(&wrong),
			 "their new finalizers run: %llu",
			 (unsigned long long)(atomic_load(&ran) - before));
}

/* A chain in which each finalizer reaches the next object, which has one, too. */
static void set_chain(void)
{
	struct node *next = NULL;

	for (uintptr_t i = 1; i <= 100; i++) {
		struct node *node = node_make(NODE_TYPED, i, 1);

		node_set(node, 0, next ? next : node);
		if (lane_gc_set_finalizer(node, note, (void *)i))
			atomic_fetch_add(&wrong, 1);
		next = node;
	}
}

static void chain(void)
{
	uint64_t before = atomic_load(&ran);

	apart(set_chain);
	collect_until(before + 100);
	ksft_test_result(atomic_load(&ran) == before + 100 && !atomic_load(&wrong),
			 "finalizers of objects that refer to each other");
}

#define PAIRS 64u

static _Atomic uint64_t pairs;

/* The other one is queued: it has its finalizer still, which is taken back, and then another one.
 */
static void instead(void *obj, void *arg)
{
	struct node *other = node_get(obj, 0);

	atomic_fetch_add(&pairs, 1);
	if (lane_gc_set_finalizer(other, note, arg) != -EEXIST ||
	    lane_gc_set_finalizer(other, NULL, NULL) ||
	    lane_gc_set_finalizer(other, NULL, NULL) != -ENOENT ||
	    lane_gc_set_finalizer(other, note, arg))
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&ran, 1);
}

/* Two that refer to each other become unreachable at once. */
static void set_pairs(void)
{
	for (uintptr_t i = 1; i <= PAIRS; i++) {
		struct node *a = node_make(NODE_TYPED, i, 1), *b = node_make(NODE_TYPED, i, 1);

		node_set(a, 0, b);
		node_set(b, 0, a);
		if (lane_gc_set_finalizer(a, instead, (void *)i) ||
		    lane_gc_set_finalizer(b, instead, (void *)i))
			atomic_fetch_add(&wrong, 1);
	}
}

static void queued(void)
{
	uint64_t before = atomic_load(&ran);

	apart(set_pairs);
	collect_until(before + 2 * PAIRS);
	collect_twice();
	usleep(20000);
	ksft_test_result(atomic_load(&pairs) == PAIRS && atomic_load(&ran) == before + 2 * PAIRS &&
				 !atomic_load(&wrong),
			 "one that is queued is one, and may be taken back: %llu of %u pairs",
			 (unsigned long long)atomic_load(&pairs), PAIRS);
	atomic_store(&wrong, 0);
}

static _Atomic bool stop;

/* Weak references are read, made and destroyed all along; never anything but the object. */
static void *use_weak(void *arg)
{
	uint64_t rng = (uintptr_t)arg * 977 | 1;
	struct lane_gc_weak *own[32] = {NULL};
	uint64_t id[32] = {0};
	struct node *keep = node_make(NODE_TYPED, 1, 8);

	while (!atomic_load(&stop)) {
		unsigned int i = ksft_random(&rng) % 32;
		struct node *node = own[i] ? lane_gc_weak_get(own[i]) : NULL;

		if (node && (node->id != id[i] || !node_whole(node)))
			atomic_fetch_add(&wrong, 1);
		if (node && ksft_random(&rng) % 4 == 0)
			node_set(keep, ksft_random(&rng) % 8, node);
		if (!node || ksft_random(&rng) % 8 == 0) {
			lane_gc_weak_destroy(own[i]);
			id[i] = ksft_random(&rng) | 1;
			own[i] = lane_gc_weak_create(node_make(NODE_TYPED, id[i], 2));
		}
		for (unsigned int k = 0; k < 8; k++)
			if (node_get(keep, k) && !node_whole(node_get(keep, k)))
				atomic_fetch_add(&wrong, 1);
	}
	for (int i = 0; i < 32; i++)
		lane_gc_weak_destroy(own[i]);
	return NULL;
}

static void *use_finalizers(void *arg)
{
	uint64_t n = 0;

	(void)arg;
	while (!atomic_load(&stop)) {
		struct node *node = node_make(NODE_TYPED, ++n, 0);

		lane_gc_set_finalizer(node, note, (void *)(uintptr_t)n);
		if (n % 3 == 0)
			lane_gc_set_finalizer(node, NULL, NULL);
	}
	return NULL;
}

static void *use_handles(void *arg)
{
	struct lane_gc_handle *h[16];
	uint64_t rng = (uintptr_t)arg * 31 | 1;

	for (int i = 0; i < 16; i++)
		h[i] = lane_gc_handle_create(node_make(NODE_TYPED, 1, 0));
	while (!atomic_load(&stop)) {
		unsigned int i = ksft_random(&rng) % 16;

		if (!node_whole(lane_gc_handle_get(h[i])))
			atomic_fetch_add(&wrong, 1);
		if (ksft_random(&rng) % 2) {
			lane_gc_handle_set(h[i], node_make(NODE_CONSERVATIVE, i + 1, 2));
		} else {
			struct lane_gc_handle *old = h[i];

			h[i] = lane_gc_handle_create(lane_gc_handle_get(old));
			lane_gc_handle_destroy(old);
		}
	}
	for (int i = 0; i < 16; i++)
		lane_gc_handle_destroy(h[i]);
	return NULL;
}

/* Root ranges come and go; what is in one while it is one stays. */
static void *use_ranges(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		struct node **range = calloc(100, sizeof(void *));

		lane_gc_add_roots(range, 100 * sizeof(void *));
		for (uint64_t i = 0; i < 100; i++)
			lane_gc_write(&range[i], node_make(NODE_TYPED, i + 1, 1));
		sched_yield();
		for (uint64_t i = 0; i < 100; i++)
			if (range[i]->id != i + 1 || !node_whole(range[i]))
				atomic_fetch_add(&wrong, 1);
		lane_gc_clear(range, 100 * sizeof(void *));
		lane_gc_remove_roots(range);
		free(range);
	}
	return NULL;
}

static void all_at_once(void)
{
	static void *(*const fns[])(void *) = {use_weak, use_weak, use_finalizers, use_handles,
					       use_ranges};
	pthread_t t[ARRAY_SIZE(fns)];
	double end = ksft_now() + (ksft_quick() ? 1.5 : 6);
	int faults = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fns); i++)
		gc_thread(&t[i], fns[i], (void *)(i + 1));
	while (ksft_now() < end)
		faults += lane_gc_verify();
	atomic_store(&stop, true);
	for (size_t i = 0; i < ARRAY_SIZE(fns); i++)
		pthread_join(t[i], NULL);
	ksft_test_result(!atomic_load(&wrong), "all of them at once, from many threads");
	ksft_test_result(faults == 0, "the verifier finds no fault");
}

/*
 * Not on the main thread's stack, whose outermost frames keep for ever what was left there before
 * main(): pointers to malloc's pages, which are the collected heap's by now.
 */
static void all(void)
{
	many();
	take_back();
	resurrection();
	chain();
	queued();
	all_at_once();
}

int main(int argc, char **argv)
{
	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(13);
	gc_begin_small();
	node_make_types();
	lane_gc_detach();
	apart(all);
	ksft_finished();
}
