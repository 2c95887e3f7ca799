// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: check LANE_CONF=check:full,gc_check:true QUICK=1
/*
 * lane_gc_write, cmpxchg, memmove and clear do to memory what their namesakes do, also
 * where source and destination overlap, and no reader sees half a reference.
 */
#include "nodes.h"

#define WORDS 3000

static void *area[WORDS]; /* a root range */
static uintptr_t model[WORDS];
static struct node *nodes[64];
static _Atomic bool stop;
static _Atomic uint64_t torn, looks;

static bool same(void)
{
	return memcmp(area, model, sizeof(area)) == 0;
}

static bool moves_are_right(uint64_t *rng)
{
	for (int i = 0; i < (ksft_quick() ? 2000 : 20000); i++) {
		size_t n = ksft_random(rng) % (ksft_random(rng) % 4 ? 40 : WORDS);
		size_t from = ksft_random(rng) % (WORDS - n + 1),
		       to = ksft_random(rng) % (WORDS - n + 1);
		struct node *node = nodes[ksft_random(rng) % 64];

		switch (ksft_random(rng) % 4) {
		case 0:
			lane_gc_memmove(&area[to], &area[from], n * sizeof(void *));
			memmove(&model[to], &model[from], n * sizeof(void *));
			break;
		case 1:
			if (n > 300)
				break;
			lane_gc_clear(&area[to], n * sizeof(void *));
			memset(&model[to], 0, n * sizeof(void *));
			break;
		default:
			if (from == WORDS)
				from--;
			lane_gc_write(&area[from], node);
			model[from] = (uintptr_t)node;
		}
		if (i % 50 == 0 && !same())
			return false;
	}
	return same();
}

/* Elements of 12 bytes, say: what is less than a word goes along. */
static bool tails_are_moved(void)
{
	uint64_t moved[12], plain[12];

	for (size_t n = 0; n <= 48; n++) {
		for (size_t from = 0; from < 6; from++) {
			for (size_t to = 0; to < 6; to++) {
				for (size_t i = 0; i < ARRAY_SIZE(moved); i++)
					moved[i] = plain[i] = 0x0102030405060708ULL * (i + 1);
				lane_gc_memmove(&moved[to], &moved[from], n);
				memmove(&plain[to], &plain[from], n);
				if (memcmp(moved, plain, sizeof(moved)))
					return false;
				lane_gc_clear(&moved[to], n);
				memset(&plain[to], 0, n);
				if (memcmp(moved, plain, sizeof(moved)))
					return false;
			}
		}
	}
	return true;
}

static bool exchange_is_right(void)
{
	void *was = area[0], *a = nodes[1], *b = nodes[2];
	bool right;

	lane_gc_write(&area[0], a);
	right = lane_gc_cmpxchg(&area[0], b, NULL) == a && area[0] == a;
	right = right && lane_gc_cmpxchg(&area[0], a, b) == a && area[0] == b;
	right = right && lane_gc_cmpxchg(&area[0], b, NULL) == b && !area[0];
	right = right && !lane_gc_cmpxchg(&area[0], NULL, a) && area[0] == a;
	lane_gc_write(&area[0], was);
	return right;
}

/* Every word is NULL or one of the nodes, whenever it is looked at. */
static void *look(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		for (size_t i = 0; i < WORDS; i++) {
			struct node *node = __atomic_load_n(&area[i], __ATOMIC_ACQUIRE);

			if (node && (!node_whole(node) || nodes[node->id - 1] != node))
				atomic_fetch_add(&torn, 1);
		}
		atomic_fetch_add(&looks, 1);
	}
	return NULL;
}

/* Counters raised by lane_gc_cmpxchg() on boxed numbers: none is lost. */
static void *count_up(void *arg)
{
	void **slot = arg;

	for (int i = 0; i < 20000; i++) {
		struct node *old, *fresh;

		do {
			old = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
			fresh = node_make(NODE_TYPED, old->id + 1, 0);
		} while (lane_gc_cmpxchg(slot, old, fresh) != old);
	}
	return NULL;
}

static void boxed_counter(void)
{
	static void *slot;
	pthread_t t[3];

	lane_gc_add_roots(&slot, sizeof(slot));
	lane_gc_write(&slot, node_make(NODE_TYPED, 1, 0));
	for (int i = 0; i < 3; i++)
		gc_thread(&t[i], count_up, &slot);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	ksft_test_result(((struct node *)slot)->id == 60001, "lane_gc_cmpxchg() loses no update");
}

/* A shift of a whole window, the classic of an insertion into an array. */
static void shift(size_t from, size_t to, size_t n)
{
	bool right = true;

	for (size_t i = 0; i < WORDS; i++) {
		lane_gc_write(&area[i], nodes[i % 64]);
		model[i] = (uintptr_t)nodes[i % 64];
	}
	lane_gc_memmove(&area[to], &area[from], n * sizeof(void *));
	memmove(&model[to], &model[from], n * sizeof(void *));
	right = same();
	ksft_test_result(right, "%zu words from %zu to %zu", n, from, to);
}

int main(int argc, char **argv)
{
	uint64_t rng;
	pthread_t t;
	bool right;

	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(10);
	rng = ksft_seed() | 1;
	gc_begin_small();
	node_make_types();
	lane_gc_add_roots(area, sizeof(area));
	lane_gc_add_roots(nodes, sizeof(nodes));
	for (uint64_t i = 0; i < 64; i++)
		lane_gc_write(&nodes[i], node_make((enum node_kind)(i % 3), i + 1, 2));
	shift(0, 1, WORDS - 1);
	shift(1, 0, WORDS - 1);
	shift(0, 1000, 2000);
	shift(700, 0, 2300);
	for (size_t i = 0; i < WORDS; i++)
		model[i] = (uintptr_t)area[i];
	gc_thread(&t, look, NULL);
	while (!atomic_load(&looks))
		sched_yield();
	lane_gc_set_percent(1);
	right = moves_are_right(&rng);
	ksft_test_result(right, "random moves, stores and clears, as the C library's");
	ksft_test_result(exchange_is_right(), "lane_gc_cmpxchg() stores just where it says so");
	ksft_test_result(tails_are_moved(), "any number of bytes is moved and cleared");
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	ksft_test_result(!atomic_load(&torn) && atomic_load(&looks),
			 "no reader sees half of a word");
	boxed_counter();
	ksft_test_result(lane_gc_verify() == 0, "the verifier finds no fault");
	ksft_finished();
}
