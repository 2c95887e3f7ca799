// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * Threads of all sorts while cycles run: many short ones, ones that block, that sit in
 * signal handlers on either stack, with tiny and with deep stacks, that only allocate or
 * only store. Each holds a tree that nobody else knows and finds it whole.
 */
#include "nodes.h"

static _Atomic bool stop;
static _Atomic uint64_t broken, rounds;

static __attribute__((noinline)) struct node *tree(unsigned int depth, uint64_t id)
{
	struct node *node = node_make((enum node_kind)(id % NODE_KINDS), id, depth ? 2 : 0);

	for (unsigned int i = 0; depth && i < 2; i++)
		node_set(node, i, tree(depth - 1, id * 2 + i));
	return node;
}

static bool whole(const struct node *node, unsigned int depth, uint64_t id)
{
	return node && node->id == id && node_whole(node) &&
	       (!depth || (whole(node_get(node, 0), depth - 1, id * 2) &&
			   whole(node_get(node, 1), depth - 1, id * 2 + 1)));
}

static void check(const struct node *node)
{
	if (!whole(node, 5, 1))
		atomic_fetch_add(&broken, 1);
	atomic_fetch_add(&rounds, 1);
}

/* Wait for @n cycles that begin after this; not by lane_gc_collect(): nothing of the collector is
 * called. */
static _Atomic uint64_t cycles_seen;

static void wait_cycles(uint64_t n)
{
	uint64_t target = atomic_load(&cycles_seen) + n + 1;

	while (atomic_load(&cycles_seen) < target && !atomic_load(&stop))
		__asm__ volatile("" : : : "memory");
}

static void *running(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		struct node *node = tree(5, 1);

		wait_cycles(2);
		check(node);
	}
	return NULL;
}

static void *blocking(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		struct node *node = tree(5, 1);

		lane_gc_enter_blocking();
		usleep(3000);
		lane_gc_leave_blocking();
		check(node);
	}
	return NULL;
}

/* In a system call that the signal interrupts. */
static void *in_call(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		struct node *node = tree(5, 1);

		usleep(3000);
		check(node);
	}
	return NULL;
}

static void on_usr1(int sig)
{
	double end = ksft_now() + 0.002;

	(void)sig;
	while (ksft_now() < end)
		;
}

static void *in_handler(void *arg)
{
	char *stack = arg ? malloc(KIB(64)) : NULL;

	if (stack)
		sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = KIB(64)}, NULL);
	while (!atomic_load(&stop)) {
		struct node *node = tree(5, 1);

		pthread_kill(pthread_self(), arg ? SIGUSR2 : SIGUSR1);
		check(node);
	}
	sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
	free(stack);
	return NULL;
}

static __attribute__((noinline)) void deep(unsigned int depth, struct node *above)
{
	char here[KIB(1)];
	struct node *node = node_make(NODE_TYPED, depth + 1, 1);

	opaque(here);
	node_set(node, 0, above);
	if (depth)
		deep(depth - 1, node);
	else
		wait_cycles(2);
	if (node->id != depth + 1 || !node_whole(node) || node_get(node, 0) != above)
		atomic_fetch_add(&broken, 1);
}

static void *deep_stack(void *arg)
{
	while (!atomic_load(&stop)) {
		deep((unsigned int)(uintptr_t)arg, NULL);
		atomic_fetch_add(&rounds, 1);
	}
	return NULL;
}

/* Never comes to any other function of Lane's, nor to a system call. */
static void *allocating(void *arg)
{
	uint64_t rng = (uintptr_t)arg | 1;

	while (!atomic_load(&stop)) {
		struct node *node = tree(5, 1);

		for (int i = 0; i < 2000; i++)
			gc_garbage(16 + ksft_random(&rng) % 200);
		check(node);
	}
	return NULL;
}

/* Rotates trees through one object, and looks at them. */
static void *storing(void *arg)
{
	struct node *ring = node_make(NODE_TYPED, 77, 8);
	uint64_t rng = (uintptr_t)arg | 1;

	for (unsigned int i = 0; i < 8; i++)
		node_set(ring, i, tree(5, 1));
	while (!atomic_load(&stop)) {
		for (int n = 0; n < 10000; n++) {
			unsigned int i = ksft_random(&rng) % 8, k = ksft_random(&rng) % 8;
			struct node *a = node_get(ring, i);

			node_set(ring, i, node_get(ring, k));
			node_set(ring, k, a);
		}
		for (unsigned int i = 0; i < 8; i++)
			check(node_get(ring, i));
	}
	return NULL;
}

static _Atomic uint64_t born;

static void *short_life(void *arg)
{
	struct node *given = arg, *mine = tree(5, 1);

	check(given);
	check(mine);
	atomic_fetch_add(&born, 1);
	return NULL;
}

static void *parent(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		pthread_t t[4];
		pthread_attr_t attr;

		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, KIB(48));
		for (int i = 0; i < 4; i++)
			if (lane_gc_pthread_create(&t[i], &attr, short_life, tree(5, 1)))
				ksft_exit_fail_msg("lane_gc_pthread_create");
		pthread_attr_destroy(&attr);
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
	return NULL;
}

/* Not attached for most of its life, and attached again and again. */
static void *guest(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		if (lane_gc_attach())
			ksft_exit_fail_msg("lane_gc_attach");
		check(tree(5, 1));
		lane_gc_detach();
		free(malloc(100));
	}
	/* Attached at its end: the library detaches it. */
	if (lane_gc_attach())
		ksft_exit_fail_msg("lane_gc_attach");
	return NULL;
}

static const struct {
	const char *name;
	void *(*fn)(void *);
	void *arg;
	size_t stack;
} kinds[] = {
	{"computing", running, NULL, 0},
	{"in blocking calls", blocking, NULL, 0},
	{"in system calls that are interrupted", in_call, NULL, 0},
	{"in a signal handler", in_handler, NULL, 0},
	{"in a signal handler on a stack of its own", in_handler, (void *)1, 0},
	{"with 100 KiB of stack in use", deep_stack, (void *)100, 0},
	{"with 4 MiB of stack in use", deep_stack, (void *)4000, MIB(8)},
	{"allocating only", allocating, (void *)99, 0},
	{"storing only", storing, (void *)99, 0},
	{"with the smallest stack", running, NULL, KIB(32)},
	{"that start others", parent, NULL, 0},
};

static void run_kind(size_t k, double seconds)
{
	uint64_t before = gc_stats().cycles;
	pthread_attr_t attr;
	pthread_t t[2];
	double end = ksft_now() + seconds;

	atomic_store(&stop, false);
	atomic_store(&broken, 0);
	atomic_store(&rounds, 0);
	pthread_attr_init(&attr);
	if (kinds[k].stack)
		pthread_attr_setstacksize(&attr, kinds[k].stack);
	for (int i = 0; i < 2; i++)
		if (lane_gc_pthread_create(&t[i], &attr, kinds[k].fn, kinds[k].arg))
			ksft_exit_fail_msg("lane_gc_pthread_create");
	pthread_attr_destroy(&attr);
	while (ksft_now() < end || atomic_load(&rounds) < 4) {
		lane_gc_collect();
		atomic_fetch_add(&cycles_seen, 1);
		if (ksft_now() > end + 20)
			break;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%llu rounds, %llu cycles", (unsigned long long)atomic_load(&rounds),
		       (unsigned long long)(gc_stats().cycles - before));
	ksft_test_result(atomic_load(&broken) == 0 && atomic_load(&rounds) >= 4, "threads %s",
			 kinds[k].name);
}

static void guests(double seconds)
{
	pthread_t t[3];

	atomic_store(&stop, false);
	atomic_store(&broken, 0);
	for (int i = 0; i < 3; i++)
		start_thread(&t[i], guest, NULL);
	for (double end = ksft_now() + seconds; ksft_now() < end;)
		lane_gc_collect();
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	ksft_test_result(atomic_load(&broken) == 0, "threads that attach and detach themselves");
	/* The main thread and the finalizers' one. */
	ksft_test_result(gc_stats().threads == 2, "no thread is left attached: %u",
			 gc_stats().threads);
}

int main(int argc, char **argv)
{
	double seconds = ksft_quick() ? 0.3 : 1;
	struct sigaction sa = {.sa_handler = on_usr1, .sa_flags = SA_RESTART};

	(void)argc;
	gc_conf(argv, "gc_check:true");
	ksft_print_header();
	ksft_set_plan((int)ARRAY_SIZE(kinds) + 3);
	gc_begin_small();
	node_make_types();
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_flags |= SA_ONSTACK;
	sigaction(SIGUSR2, &sa, NULL);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		run_kind(k, seconds);
	guests(seconds);
	ksft_test_result(lane_gc_verify() == 0, "the verifier finds no fault");
	ksft_finished();
}
