// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * The collector with delays at each of its steps in turn, while threads move references
 * about; every cycle is verified. And its broken twins: with a step left out, the same
 * scenes must lose an object that they keep otherwise.
 */
#include "../gc/nodes.h"

#include "gc_inject.h"
#include "lanes.h"
#include "mark.h"
#include "queue.h"
#include "slow_path.h"
#include "worker.h"

#define THREADS 3
#define SLOTS 64
#define LATEST 20 /* seconds more, until a thread has come to a point */

extern u64 verify_faults;

static struct node *slots[SLOTS]; /* a root range */
static _Atomic bool stop;
static _Atomic uint64_t broken;
static _Atomic int armed = -1;
static _Atomic uint64_t hits;

/* Often: each eighth time. */
static void delay_at(enum gc_point point)
{
	uint64_t n;

	if ((int)point != atomic_load(&armed))
		return;
	n = atomic_fetch_add(&hits, 1);
	if (n % 8 && n > 64)
		return;
	if (n % 16 == 0)
		sched_yield();
	else
		nanosleep(&(struct timespec){.tv_nsec = (long)(n % 7) * 60000 + 1000}, NULL);
}

static struct node *tree(unsigned int depth, uint64_t id)
{
	struct node *node = node_make((enum node_kind)(id % NODE_KINDS), id, depth ? 2 : 1);

	for (unsigned int i = 0; depth && i < 2; i++)
		node_set(node, i, tree(depth - 1, id * 2 + i));
	return node;
}

static bool whole(const struct node *node, unsigned int depth)
{
	return node && node_whole(node) &&
	       (!depth ||
		(node_get(node, 0)->id == node->id * 2 && whole(node_get(node, 0), depth - 1) &&
		 node_get(node, 1)->id == node->id * 2 + 1 && whole(node_get(node, 1), depth - 1)));
}

static void *mutate(void *arg)
{
	uint64_t rng = (uintptr_t)arg * 7919 | 1;
	struct lane_gc_weak *weak = NULL;
	unsigned char *tiny[64] = {NULL};

	while (!atomic_load(&stop)) {
		unsigned int i = ksft_random(&rng) % SLOTS, k = ksft_random(&rng) % 64;
		struct node *mine, *theirs = __atomic_load_n(&slots[i], __ATOMIC_ACQUIRE);

		if (theirs && lane_gc_cmpxchg(&slots[i], theirs, NULL) == theirs) {
			/* Nobody else has it now. */
			struct node *sub = node_get(theirs, ksft_random(&rng) % 2);

			gc_garbage(64);
			if (!whole(theirs, 4) || !whole(sub, 3))
				atomic_fetch_add(&broken, 1);
			lane_gc_cmpxchg(&slots[ksft_random(&rng) % SLOTS], NULL, theirs);
		}
		mine = tree(4, 1);
		if (ksft_random(&rng) % 2)
			lane_gc_write(&slots[i], mine);
		if (ksft_random(&rng) % 4 == 0) {
			lane_gc_weak_destroy(weak);
			weak = lane_gc_weak_create(mine);
		}
		mine = weak ? lane_gc_weak_get(weak) : NULL;
		if (mine && !whole(mine, 4))
			atomic_fetch_add(&broken, 1);
		if (tiny[k] && (tiny[k][0] != (unsigned char)k || tiny[k][2] != (unsigned char)~k))
			atomic_fetch_add(&broken, 1);
		tiny[k] = lane_gc_alloc_noscan(3);
		if (tiny[k][0] || tiny[k][1] || tiny[k][2])
			atomic_fetch_add(&broken, 1);
		tiny[k][0] = (unsigned char)k;
		tiny[k][2] = (unsigned char)~k;
	}
	lane_gc_weak_destroy(weak);
	return NULL;
}

static void delays(void)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = 20, .min_heap = KIB(256)};
	double seconds = ksft_quick() ? 0.25 : 1;
	unsigned int unseen = 0;
	pthread_t t[THREADS];

	gc_begin(&o);
	node_make_types();
	lane_gc_add_roots(slots, sizeof(slots));
	gc_test.at = delay_at;
	for (int i = 0; i < THREADS; i++)
		gc_thread(&t[i], mutate, (void *)(uintptr_t)(i + 1));
	for (int p = 0; p < NR_GC_POINTS; p++) {
		double end = ksft_now() + seconds, late = end + LATEST;
		u64 before = READ_ONCE(verify_faults);

		atomic_store(&hits, 0);
		atomic_store(&armed, p);
		while (ksft_now() < end || (!atomic_load(&hits) && ksft_now() < late))
			lane_gc_collect();
		atomic_store(&armed, -1);
		ksft_print_msg("point %d: %llu delays", p, (unsigned long long)atomic_load(&hits));
		unseen += !atomic_load(&hits);
		ksft_test_result(!atomic_load(&broken) && READ_ONCE(verify_faults) == before,
				 "delays at point %d", p);
		atomic_store(&broken, 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	gc_test.at = NULL;
	ksft_test_result(unseen == 0, "threads came to every point");
}

/*
 * The scenes. A list that is long in marking; its last node refers to the one that the
 * scene is about. Addresses are kept inverted, so that no stack shows them.
 */

#define LENGTH 2000000

static struct node *list;
static uintptr_t last, prey;
static _Atomic bool scanned, go_on;

static __attribute__((noinline)) void make_list(void)
{
	struct node *node = node_make(NODE_TYPED, 1, 1), *child = node_make(NODE_TYPED, 2, 1);

	node_set(child, 0, node_make(NODE_TYPED, 3, 0));
	node_set(node, 0, child);
	last = ~(uintptr_t)node;
	prey = ~(uintptr_t)child;
	lane_gc_write(&list, node);
	for (int i = 0; i < LENGTH; i++) {
		node = node_make(NODE_TYPED, 4, 1);
		node_set(node, 0, list);
		lane_gc_write(&list, node);
	}
}

static void *collect(void *arg)
{
	(void)arg;
	lane_gc_collect();
	return NULL;
}

/* Where the coordinator waits to be sent on: it has all stacks, or none. */
static enum gc_point hold_point;

static void hold_there(enum gc_point point)
{
	static _Atomic unsigned int copies;

	/* Markers begin with the list when the scene does. */
	if (point == AT_ROOT_PIECE && hold_point == AT_COPIED) {
		while (!atomic_load(&scanned))
			usleep(100);
	}
	if (point != hold_point || (point == AT_COPIED && atomic_fetch_add(&copies, 1) == 0) ||
	    atomic_exchange(&scanned, true))
		return;
	while (!atomic_load(&go_on))
		usleep(100);
}

static pthread_t collector;

static void mark_until(enum gc_point point, void (*at)(enum gc_point))
{
	/* Two stacks: the finalizers' thread has one, too. */
	while (gc_stats().threads < 2)
		usleep(100);
	gc_wipe_stack();
	hold_point = point;
	gc_test.at = at;
	start_thread(&collector, collect, NULL);
	while (!atomic_load(&scanned))
		__asm__ volatile("" : : : "memory");
}

static void finish(void)
{
	atomic_store(&go_on, true);
	pthread_join(collector, NULL);
	gc_test.at = NULL;
}

static bool prey_lives(void)
{
	struct node *node = (struct node *)~prey;

	return node->id == 2 && node_whole(node) && verify_faults == 0 &&
	       lane_gc_base(node) == node && node_whole(node_get(node, 0));
}

static int deletion(void *arg)
{
	gc_test.no_deletion_shade = arg;
	make_list();
	mark_until(AT_COPIED, hold_there);
	lane_gc_write(&((struct node *)~last)->ref[0], NULL);
	finish();
	return prey_lives();
}

/* Two quiet moments, nothing put or taken in between, and nobody who holds anything. */
static bool nothing_is_left(void)
{
	u64 before, after;

	return queue_is_quiet(&before) && !READ_ONCE(mark_active) && queue_is_quiet(&after) &&
	       after == before;
}

/* From a stack that was not scanned yet to a root that was. */
static __attribute__((noinline)) void hand_over(void)
{
	struct node *node = node_make(NODE_TYPED, 2, 1);

	node_set(node, 0, node_make(NODE_TYPED, 3, 0));
	prey = ~(uintptr_t)node;
	mark_until(AT_ROOTS, hold_there);
	/* They are queued, and markers scan them. */
	while (!nothing_is_left())
		usleep(100);
	lane_gc_write(&slots[0], node);
}

static int insertion(void *arg)
{
	gc_test.no_insertion_shade = arg;
	lane_gc_add_roots(slots, sizeof(slots));
	hand_over();
	gc_wipe_stack();
	finish();
	return prey_lives();
}

/* Handed out while marking, and nowhere but on a stack that was scanned before. */
static int drain(void *arg)
{
	gc_test.no_drain = arg;
	for (int i = 0; i < 3; i++)
		opaque(node_make(NODE_TYPED, 5, 1)); /* the CPU's cache has more of them */
	lane_gc_collect();
	for (int i = 0; i < 3; i++)
		opaque(node_make(NODE_TYPED, 5, 1));
	mark_until(AT_COPIED, hold_there);
	prey = ~(uintptr_t)node_make(NODE_TYPED, 2, 1);
	node_set((struct node *)~prey, 0, node_make(NODE_TYPED, 3, 0));
	finish();
	return prey_lives();
}

static _Atomic bool ended;

/*
 * For as long as marking goes on. Where it is broken that has an end, on a slow machine a late
 * one; else it waits for this.
 */
static void late_queue(enum gc_point point)
{
	hold_there(point);
	if (point == AT_OFF)
		atomic_store(&ended, true);
	if (point == AT_SHADED && !atomic_exchange(&go_on, true))
		for (double end = ksft_now() + (gc_test.no_grace ? 40 : 4);
		     !atomic_load(&ended) && ksft_now() < end;)
			usleep(1000);
}

/* Shaded, and queued only when everything else seems to be marked. */
static int grace(void *arg)
{
	gc_test.no_grace = arg;
	make_list();
	mark_until(AT_COPIED, hold_there);
	gc_test.at = late_queue;
	lane_gc_write(&((struct node *)~last)->ref[0], NULL);
	finish();
	return prey_lives();
}

/*
 * A store that has seen no marking, and so shades nothing, is held while marking begins; what it
 * stores is on no stack any more when that is scanned.
 */
static struct {
	_Atomic bool held, go_on, black, stored, known, known_go_on, shown, checked, over;
} late;

static __thread enum { OTHER, STORER, CLEARER } role;
static void **late_slot; /* where it stores */

static void wait_for(_Atomic bool *flag)
{
	while (!atomic_load(flag))
		usleep(100);
}

static void hold_store(enum gc_point point)
{
	if (point == AT_STORE && role == STORER && !atomic_exchange(&late.held, true))
		wait_for(&late.go_on);
	if (point == AT_BLACK)
		atomic_store(&late.black, true);
	if (point == AT_ROOTS)
		wait_for(&late.stored);
}

static __attribute__((noinline)) void store_late(void)
{
	struct node *node = node_make(NODE_TYPED, 2, 1);

	node_set(node, 0, node_make(NODE_TYPED, 3, 0));
	prey = ~(uintptr_t)node;
	lane_gc_cmpxchg(late_slot, NULL, node);
}

static void *store_and_forget(void *arg)
{
	(void)arg;
	role = STORER;
	store_late();
	gc_wipe_stack();
	atomic_store(&late.stored, true);
	return NULL;
}

/* A store is held; marking begins, and waits for it. */
static void begin_beside_store(pthread_t *storer, void *(*fn)(void *), void (*at)(enum gc_point))
{
	gc_test.at = at;
	gc_thread(storer, fn, NULL);
	wait_for(&late.held);
	start_thread(&collector, collect, NULL);
	wait_for(&late.black);
}

/* Its object is shaded by another store, and there is somebody who would scan it. */
static int early_scan(void *arg)
{
	struct lane_gc_tracer m;
	pthread_t storer;

	gc_test.early_scan = arg;
	lane_gc_add_roots(slots, sizeof(slots));
	lane_gc_write(&slots[0], node_make(NODE_TYPED, 1, 1));
	late_slot = (void **)&slots[0]->ref[0];
	begin_beside_store(&storer, store_and_forget, hold_store);
	lane_gc_cmpxchg(&slots[0], slots[0], slots[0]);
	slow_enter_always();
	mark_begin(&m);
	mark_some(&m, UINT64_MAX, UINT64_MAX);
	mark_end(&m);
	slow_exit();
	atomic_store(&late.go_on, true);
	pthread_join(storer, NULL);
	finish();
	return prey_lives();
}

static void hold_known(enum gc_point point)
{
	hold_store(point);
	if (point == AT_KNOWN && role == CLEARER && !atomic_exchange(&late.known, true))
		wait_for(&late.known_go_on);
	if (point == AT_STACK && role == STORER)
		atomic_store(&late.shown, true);
	if (point == AT_ROOT_PIECE)
		wait_for(&late.checked);
}

static void *clear(void *arg)
{
	(void)arg;
	role = CLEARER;
	wait_for(&late.black);
	lane_gc_write(late_slot, NULL);
	atomic_store(&late.known, true);
	return NULL;
}

/* Has it again from where it was stored, once this stack was scanned. */
static void *store_and_load(void *arg)
{
	struct node *node;

	store_and_forget(arg);
	wait_for(&late.shown);
	node = __atomic_load_n(late_slot, __ATOMIC_ACQUIRE);
	atomic_store(&late.known_go_on, true);
	wait_for(&late.over);
	opaque(node);
	return NULL;
}

/*
 * NULL is stored over NULL, but in between the other store comes. In a root range, which is scanned
 * afterwards: the address of an object's field would have that scanned with the stack that has it.
 */
static int early_known(void *arg)
{
	pthread_t storer, clearer;
	int lives;

	gc_test.early_scan = arg;
	lane_gc_add_roots(slots, sizeof(slots));
	late_slot = (void **)&slots[0];
	gc_thread(&clearer, clear, NULL);
	begin_beside_store(&storer, store_and_load, hold_known);
	wait_for(&late.known);
	atomic_store(&late.go_on, true);
	pthread_join(clearer, NULL);
	atomic_store(&late.checked, true);
	finish();
	lives = prey_lives();
	atomic_store(&late.over, true);
	pthread_join(storer, NULL);
	return lives;
}

static void never(void *obj, void *arg)
{
	(void)obj, (void)arg;
}

/* By a thread of its own, so that no other stack has ever shown it. */
static void *make_watched(void *arg)
{
	struct node *node = node_make(NODE_TYPED, 1, 1), *child = node_make(NODE_TYPED, 2, 1);

	node_set(child, 0, node_make(NODE_TYPED, 3, 0));
	node_set(node, 0, child);
	last = ~(uintptr_t)node;
	prey = ~(uintptr_t)child;
	lane_gc_set_finalizer(node, never, arg);
	return NULL;
}

/* It looks like a reference, and is what an earlier call has left. */
static __attribute__((noinline)) void store_over_stale_word(void)
{
	void *volatile word = (void *)~last;

	lane_gc_write((void *)&word, NULL);
}

static _Atomic u32 resting;

/* Workers rest, each before its next look, until the coordinator has missed what is grey. */
static void rest_at_end(enum gc_point point)
{
	static __thread bool coordinates;

	coordinates = coordinates || point == AT_CLEARED;
	if (point == AT_MARKED && !coordinates && atomic_load(&scanned)) {
		atomic_fetch_add(&resting, 1);
		for (double end = ksft_now() + (gc_test.no_last_look ? 40 : 1);
		     !READ_ONCE(verify_faults) && ksft_now() < end;)
			usleep(1000);
	}
	hold_there(point);
}

/* An unreachable object with a finalizer is shaded when all seems to be marked. */
static int last_look(void *arg)
{
	pthread_t maker;

	gc_test.no_last_look = arg;
	gc_thread(&maker, make_watched, NULL);
	pthread_join(maker, NULL);
	mark_until(AT_CLEARED, rest_at_end);
	while (atomic_load(&resting) < workers_planned())
		usleep(100);
	store_over_stale_word();
	finish();
	return prey_lives();
}

static const struct {
	const char *name;
	int (*fn)(void *);
} scenes[] = {
	{"the shade of what is overwritten", deletion},
	{"the shade of what is stored", insertion},
	{"the draining of CPU caches", drain},
	{"the grace period before the end of marking", grace},
	{"the wait of markers for the end of the flip", early_scan},
	{"the wait of quick stores for it", early_known},
	{"the look at what was shaded before finalizers were queued", last_look},
};

#define LIVES 42 /* exit status */

struct call {
	int (*fn)(void *);
	void *broken;
};

static int scene(void *arg)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};
	struct call *c = arg;

	gc_begin(&o);
	node_make_types();
	lane_gc_add_roots(&list, sizeof(list));
	freopen("/dev/null", "w", stderr); /* the verifier says what it finds */
	return c->fn(c->broken) ? LIVES : 0;
}

static void twins(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		struct call good = {scenes[i].fn, NULL}, bad = {scenes[i].fn, &bad};
		int with = in_child(scene, &good, 60), without = in_child(scene, &bad, 60);

		ksft_print_msg("with: %d, without: %d", with, without);
		ksft_test_result(with == LIVES, "%s: the object stays", scenes[i].name);
		if (scenes[i].fn == early_known && lanes_locked())
			ksft_test_result_skip("no quick stores in lock mode");
		else
			ksft_test_result(without != LIVES, "without: it is lost");
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan(2 * (int)ARRAY_SIZE(scenes) + NR_GC_POINTS + 1);
	twins();
	delays();
	ksft_finished();
}
