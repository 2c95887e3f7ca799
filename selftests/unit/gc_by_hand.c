// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * The collected heap in moments that last some instructions, and with errors that it does not
 * make: a stack that is being copied as its thread comes back, a handler inside gc_enter(), a
 * slow path or a store that needs a buffer, references to what was freed, a mark that was left.
 * Each is brought about by hand.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <semaphore.h>

#include "gc.h"
#include "gc_map.h"
#include "meta.h"
#include "os.h"
#include "queue.h"
#include "slow_path.h"
#include "space.h"

#define SIZE 64
#define TAIL_SIZE 48 /* does not divide its spans */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAY_FORK false
#else
#define MAY_FORK true
#endif

static bool left;

static void *copy_stack(void *arg)
{
	struct gc_thread *t = arg;

	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	WRITE_ONCE(left, true);
	smp_store_release(&t->state, GC_BLOCKED); /* as copy_blocked() ends */
	return NULL;
}

static void test_leave_blocking(void)
{
	pthread_t t;
	bool waited;

	lane_gc_enter_blocking();
	WRITE_ONCE(gc_self->state, GC_COPYING);
	start_thread(&t, copy_stack, gc_self);
	lane_gc_leave_blocking();
	waited = READ_ONCE(left);
	pthread_join(t, NULL);
	ksft_test_result(waited && gc_self->state == GC_RUNNING,
			 "who comes back while his stack is copied waits");
}

/* A handler that interrupted its thread inside comes and goes; its thread is inside as before. */
static void test_enter_again(void)
{
	void **p = lane_gc_alloc_conservative(SIZE);
	u32 seq = gc_self->seq;
	bool inside;

	gc_enter(gc_self);
	gc_enter(gc_self);
	lane_gc_write(p, p);
	gc_exit(gc_self);
	inside = gc_self->seq == seq + 1;
	gc_exit(gc_self);
	ksft_test_result(inside && gc_self->seq == seq + 2 && *p == p,
			 "a handler inside gc_enter() does not end it");
}

#define PAGES 128u /* of a large object */

static u64 first_page;
static bool wrong_span;

/* The large object is gone, and there is another one from its middle on. */
static void cross(struct gc_object *o, struct span *s, void *unused)
{
	(void)unused;
	wrong_span |= s != &space.spans[o->page];
	if (o->page != first_page)
		return;
	gc_map_set(first_page, PAGES, 0);
	gc_map_set(first_page + PAGES / 2, PAGES, map_entry(GC_CONSERVATIVE, 0));
}

static void test_walk(void)
{
	u32 saved[PAGES + PAGES / 2];

	first_page = addr_to_page(lane_gc_alloc_conservative(PAGES * PAGE_SIZE));
	memcpy(saved, &gc_map[first_page], sizeof(saved));
	gc_each_span(cross, NULL);
	memcpy(&gc_map[first_page], saved, sizeof(saved));
	ksft_test_result(!wrong_span, "a walk does not take the middle of a span for one");
}

static void *attach_in_handler(void *arg)
{
	int *err = arg;

	slow_enter_always();
	err[0] = lane_gc_attach();
	slow_exit();
	err[1] = lane_gc_attach();
	return NULL;
}

static void test_attach(void)
{
	int err[2] = {1, 1};
	pthread_t t;

	start_thread(&t, attach_in_handler, err);
	pthread_join(t, NULL);
	ksft_test_result(err[0] == -ENOMEM && !err[1],
			 "a handler inside a slow path cannot attach its thread");
}

/* In a child, which starts the collector anew: what lane_gc_verify() finds, on stderr. */
static void verify(void *arg)
{
	(void)arg;
	_exit(min(lane_gc_verify(), 9));
}

static void freed_reference(void *arg)
{
	void **p = arg, *gone = lane_gc_alloc_conservative(SIZE);

	lane_gc_write(p, gone);
	if (lane_gc_free(gone))
		_exit(99);
	verify(NULL);
}

/* Into the rest at the end of a span, where no object fits any more. */
static void no_reference(void *arg)
{
	void **p = arg;
	char *near = lane_gc_alloc_conservative(TAIL_SIZE);
	struct gc_object o;

	if (!gc_find((uintptr_t)near, &o) || !size_classes[o.cls].span_tail)
		_exit(98);
	lane_gc_write(p, near + (size_classes[o.cls].objects - o.index) * size_classes[o.cls].size);
	verify(NULL);
}

static void left_mark(void *arg)
{
	mark_set((uintptr_t)arg);
	verify(NULL);
}

/* What was freed while marking runs, and is left to the sweep, refers to what was freed before. */
static void test_verify_left(void)
{
	static const uint64_t bits[] = {1};
	struct lane_gc_layout l = {
		.sz = sizeof(l), .name = "left", .size = SIZE, .bitmap = bits, .bitmap_bits = 1};
	struct lane_gc_layout p = {.sz = sizeof(p),
				   .name = "references",
				   .size = sizeof(void *),
				   .bitmap = bits,
				   .bitmap_bits = 1};
	const struct lane_gc_type *mixed, *references;
	void *freed, **array, **large;
	bool good;

	if (lane_gc_type_create(&l, &mixed) || lane_gc_type_create(&p, &references))
		ksft_exit_fail_msg("no type");
	freed = lane_gc_alloc_conservative(SIZE);
	array = lane_gc_alloc_array(mixed, 3);
	large = lane_gc_alloc_array(references, MIB(1) / sizeof(void *));
	lane_gc_write(array, freed);
	lane_gc_write(large, freed);
	good = !lane_gc_free(freed);
	WRITE_ONCE(gc.marking, 1);
	good &= !lane_gc_free(array) && !lane_gc_free(large);
	WRITE_ONCE(gc.marking, 0);
	good &= lane_gc_verify() == 0;
	ksft_test_result(good && lane_gc_base(array) == array && lane_gc_base(large) == large,
			 "nor in what was freed and is left to the sweep");
}

/* One fault is found, and said by a line with @what. */
static bool finds(void (*fn)(void *), void *arg, const char *what)
{
	char text[1024];
	int status = unit_stderr_of(fn, arg, text, sizeof(text));

	if (WIFEXITED(status) && WEXITSTATUS(status) == 1 && strstr(text, what))
		return true;
	ksft_print_msg("status %#x: %s", status, text);
	return false;
}

static void test_verify(void)
{
	static void *root;
	static const uint64_t bits[] = {1};
	struct lane_gc_layout l = {
		.sz = sizeof(l), .name = "one", .size = SIZE, .bitmap = bits, .bitmap_bits = 1};
	const struct lane_gc_type *type;

	if (lane_gc_type_create(&l, &type))
		ksft_exit_fail_msg("no type");
	lane_gc_add_roots(&root, sizeof(root));
	lane_gc_write(&root, lane_gc_alloc(type));
	ksft_test_result(lane_gc_verify() == 0,
			 "the verifier finds nothing in a heap that is whole");
	test_verify_left();
	for (int i = 0; i < 3 && !MAY_FORK; i++)
		ksft_test_result_skip("the sanitizers do not bear a fork beside threads");
	if (!MAY_FORK)
		return;
	ksft_test_result(finds(freed_reference, root, ", which was freed\n"),
			 "a reference to what was freed");
	ksft_test_result(finds(no_reference, root, ", which is no object\n"),
			 "a reference to what is no object");
	ksft_test_result(finds(left_mark, root, " is still marked from before\n"),
			 "a mark that was left");
}

static struct os_ops real;
static bool full;

/* The heap's pages are used up, but not Lane's own memory. */
static int full_protect(void *addr, size_t len, int prot)
{
	bool heap = (uintptr_t)addr - space.base < space.nr_homes * space.home_bytes;

	return READ_ONCE(full) && heap && prot ? -ENOMEM : real.protect(addr, len, prot);
}

/* Objects of a size, as a list, until there are no pages for more; how many. */
static u64 use_up(size_t size, void **list)
{
	u64 n = 0;
	void **p;

	while ((p = lane_gc_alloc_conservative(size))) {
		lane_gc_write(p, *list);
		lane_gc_write(list, p);
		n++;
	}
	return n;
}

static void test_no_pages(void)
{
	static void *list;
	u64 n, found = 0;
	void **p;

	lane_gc_add_roots(&list, sizeof(list));
	unit_pin(0); /* to a node that has pages */
	if (!lane_gc_alloc_conservative(16))
		ksft_exit_fail_msg("no memory");
	real = os;
	os.protect = full_protect;
	WRITE_ONCE(full, true);
	n = use_up(MIB(1), &list) + use_up(KIB(64), &list);
	n += use_up(KIB(4), &list) + use_up(16, &list);
	WRITE_ONCE(full, false);
	p = lane_gc_alloc_conservative(16);
	for (void **q = list; q; q = *q)
		found++;
	ksft_print_msg("%llu objects", (unsigned long long)n);
	ksft_test_result(
		p && n && found == n && unit_books_right(),
		"no pages for the smallest objects: none is lost, and then there are more");
	os = real;
}

static _Atomic bool raising;
static _Atomic int handled; /* 1: with memory */

static int raising_protect(void *addr, size_t len, int prot)
{
	if (atomic_exchange(&raising, false))
		raise(SIGUSR1);
	return real.protect(addr, len, prot);
}

/* What makes the heap grow, which is counted in the book of Lane's own memory. */
static void allocate(int sig)
{
	char *p = lane_malloc(MIB(256));

	handled = p ? 1 : -sig;
	lane_free(p);
}

/* A store that shades needs a buffer, and there is none. */
static void test_handler(void)
{
	struct gc_buffer *b, *list = NULL;

	signal(SIGUSR1, allocate);
	alarm(60);
	real = os;
	os.protect = raising_protect;
	raising = true;
	while (raising && (b = buffer_get())) {
		b->next = list;
		list = b;
	}
	os.protect = real.protect; /* not all of it: other threads are there */
	alarm(0);
	while ((b = list)) {
		list = b->next;
		buffer_put(b);
	}
	ksft_test_result(handled == 1 && unit_books_right(),
			 "a handler that interrupts a store that needs a buffer allocates");
}

static sem_t taken, forking;

/* Runs before Lane's own. */
static void about_to_fork(void)
{
	sem_post(&forking);
}

/* As a store does that shades and needs a buffer: outside of slow paths. */
static void *take_meta(void *arg)
{
	spin_lock(&meta_lock);
	sem_post(arg);
	sem_wait(&forking);
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	spin_unlock(&meta_lock);
	return NULL;
}

static void test_fork(void)
{
	struct lane_gc_layout l = {.sz = sizeof(l), .name = "another", .size = SIZE};
	const struct lane_gc_type *type;
	int status = -1;
	pthread_t t;
	pid_t pid;

	if (!MAY_FORK) {
		for (int i = 0; i < 2; i++)
			ksft_test_result_skip("the sanitizers do not bear a fork beside threads");
		return;
	}
	sem_init(&taken, 0, 0);
	sem_init(&forking, 0, 0);
	pthread_atfork(about_to_fork, NULL, NULL);
	start_thread(&t, take_meta, &taken);
	sem_wait(&taken);
	pid = fork();
	if (!pid) {
		alarm(20); /* it waits for ever */
		_exit(!lane_gc_type_create(&l, &type) && lane_gc_alloc(type) && !lane_gc_verify()
			      ? 0
			      : 1);
	}
	waitpid(pid, &status, 0);
	pthread_join(t, NULL);
	ksft_test_result(!status, "a fork beside a store that needs a buffer: the child collects");
#ifdef LANE_DEBUG
	ksft_test_result_skip("such a build looks at the order of locks, a handler's too");
#else
	/* As a handler that interrupted such a store. */
	alarm(60);
	spin_lock(&meta_lock);
	pid = fork();
	spin_unlock(&meta_lock);
	if (!pid) {
		alarm(20);
		_exit(lane_gc_type_create(&l, &type) || lane_gc_verify());
	}
	waitpid(pid, &status, 0);
	alarm(0);
	ksft_test_result(!status, "a fork inside of one");
#endif
}

int main(int argc, char **argv)
{
	struct lane_gc_options o = {.sz = sizeof(o), .percent = -1};

	(void)argc;
	unit_conf(argv, "mode:rseq");
	ksft_print_header();
	unit_no_background();
	ksft_set_plan(13);
	if (lane_gc_init(&o) || lane_gc_attach())
		ksft_exit_fail_msg("no collected heap");
	test_leave_blocking();
	test_enter_again();
	test_walk();
	test_attach();
	test_verify();
	test_handler();
	test_fork();
	test_no_pages();
	ksft_finished();
}
