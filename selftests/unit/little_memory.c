// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: check LANE_CONF=check:full
/*
 * Lane's own memory is used up but for a little, and the system gives no more: for each size of the
 * rest an operation works, or says that it could not, and works when there is memory again.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <lane/lane_prof.h>
#include <sys/mman.h>

#include "check.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"

#define ROOM MIB(6) /* more than any of them needs; in whole steps of meta.c */
#define FINE 100    /* steps, before they grow */

static struct os_ops real;
static bool refusing;
static char *room; /* from here on the system gives ROOM bytes all the same; NULL: none */
static char *end;  /* of that */

static int refusing_protect(void *addr, size_t len, int prot)
{
	bool in_room = room && (char *)addr >= room && (char *)addr + len <= end;

	if (__atomic_load_n(&refusing, __ATOMIC_SEQ_CST) && prot & PROT_WRITE && !in_room)
		return -ENOMEM;
	return real.protect(addr, len, prot);
}

static void memory(bool there)
{
	__atomic_store_n(&refusing, !there, __ATOMIC_SEQ_CST);
}

static char *piece(void)
{
	return meta_alloc(64, 64);
}

/* Room begins where what is there ends: found in a child, as what is taken there is not taken here.
 */
static void make_room(void)
{
	char **shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	char *p;

	room = NULL;
	pid = fork();
	if (!pid) {
		memory(false);
		while ((p = piece()))
			*shared = p + 64;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	room = *shared;
	end = room + ROOM;
	munmap(shared, 4096);
}

/* @rest bytes of it are left, and no more can be had. */
static void leave(size_t rest)
{
	char *p;

	memory(false);
	p = piece() + 64;
	if (p + rest < end)
		meta_alloc((size_t)(end - p) - rest, 64);
}

static int right_or(int err, int refusal)
{
	return !err || err == refusal ? 0 : 1;
}

/* A start of the collected heap; tried again it goes on where it was. */
static int begin_collecting(size_t rest)
{
	int err, wrong, status = 0;
	pid_t pid = 0;

	leave(rest);
	err = lane_gc_init(NULL);
	wrong = right_or(err, -ENOMEM);
	memory(true);
	/* A child starts it by itself, too. */
	if (err && !(pid = fork()))
		_exit(lane_gc_init(NULL) || lane_gc_attach() || lane_gc_collect());
	if (err)
		waitpid(pid, &status, 0);
	if (err)
		wrong |= status || lane_gc_init(NULL);
	wrong |= lane_gc_attach() || !lane_gc_alloc_conservative(100) || lane_gc_collect();
	return wrong || !unit_books_right() ? 1 : err ? 2 : 0;
}

static void finalize(void *obj, void *arg)
{
	(void)obj, (void)arg;
}

#define FINALIZED 3000
static void *finalized[FINALIZED];

/* Finalizers: as many as find room, then none more, or none lost. */
static int set_finalizers(size_t rest)
{
	int refused = 0, wrong = 0;

	if (lane_gc_init(NULL) || lane_gc_attach() ||
	    lane_gc_add_roots(finalized, sizeof(finalized)))
		return 1;
	for (int i = 0; i < FINALIZED; i++)
		finalized[i] = lane_gc_alloc_conservative(16);
	make_room(); /* what was found before was without this heap */
	leave(rest);
	for (int i = 0; i < FINALIZED; i++) {
		int err = lane_gc_set_finalizer(finalized[i], finalize, NULL);

		wrong |= right_or(err, -ENOMEM);
		refused += err != 0;
	}
	memory(true);
	for (int i = 0; i < FINALIZED; i++) {
		int err = lane_gc_set_finalizer(finalized[i], finalize, NULL);

		wrong |= right_or(err, -EEXIST);
		wrong |= lane_gc_set_finalizer(finalized[i], NULL, NULL) != 0;
	}
	wrong |= lane_gc_collect() != 0;
	return wrong ? 1 : refused ? 2 : 0;
}

static void *free_all(void *held)
{
	for (int i = 0; i < 1000; i++)
		lane_free(((void **)held)[i]);
	return NULL;
}

/* A thread that frees, of every class: with check:full it has a quarantine, or none. */
static int free_in_thread(size_t rest)
{
	static void *held[1000];
	u64 live = unit_live();
	pthread_t t;

	for (size_t i = 0; i < 1000; i++)
		held[i] = lane_malloc(1 + i * 32);
	leave(rest);
	start_thread(&t, free_all, held);
	pthread_join(t, NULL);
	memory(true);
	return unit_live() == live && unit_books_right() ? (rest < KIB(16) ? 2 : 0) : 1;
}

/* Collected objects, with the profile on: each is had, and in the profile as long as that has room.
 */
static int sample_collected(size_t rest)
{
	static void *root;
	int wrong = 0;

	if (lane_gc_init(NULL) || lane_gc_attach() || lane_prof_set_rate(KIB(1)))
		return 1;
	lane_gc_add_roots(&root, sizeof(root));
	for (int i = 0; i < 1000; i++)
		wrong |= !lane_gc_alloc_noscan(500); /* pages that may be used again */
	lane_gc_collect();
	make_room();
	leave(rest);
	for (int i = 0; i < 500; i++) {
		void **p = lane_gc_alloc_conservative(500);

		if (!p)
			break;
		lane_gc_write(p, root);
		lane_gc_write(&root, p);
	}
	memory(true);
	for (void **p = root; p; p = *p)
		wrong |= lane_gc_base(p) != p;
	lane_gc_write(&root, NULL);
	wrong |= lane_gc_collect() || lane_prof_set_rate(0) || !unit_books_right();
	return wrong ? 1 : rest < KIB(64) ? 2 : 0;
}

/* Steps of a start, once more. Where they are refused all is as before. */
static int make_lanes(size_t rest)
{
	int err;

	leave(rest);
	err = lanes_init(nr_lanes, nr_homes);
	memory(true);
	if (!err)
		return 0; /* the tables are new, and empty */
	lane_free(lane_malloc(100));
	return err == -ENOMEM && unit_books_right() ? 2 : 1;
}

static int make_node_heap(size_t rest)
{
	u32 home = nr_homes;
	int err, again;

	leave(rest);
	err = node_heap_init(home, 0);
	memory(true);
	again = err ? node_heap_init(home, 0) : 0;
	node_heaps[home] = NULL; /* it has no range of its own */
	return right_or(err, -ENOMEM) || again || !unit_books_right() ? 1 : err ? 2 : 0;
}

/* Its map lies elsewhere, and is always refused: only for the table it may be enough. */
static int begin_checking(size_t rest)
{
	bool table;
	int err;

	leave(rest);
	err = check_init();
	table = check.ring_at != NULL;
	memory(true);
	if (err != -ENOMEM || check.on || check_init() || !check.on)
		return 1;
	lane_free(lane_malloc(100));
	return !unit_books_right() ? 1 : table ? 0 : 2;
}

static int attempt(const char *what, int (*op)(size_t rest), size_t rest)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(60);
		_exit(op(rest));
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2))
		return WEXITSTATUS(status);
	ksft_print_msg("%s with %zu bytes left: status %#x", what, rest, status);
	return 1;
}

/*
 * For each rest, from none on, in steps that grow: in the end nothing is refused. Then for the
 * least that is enough, and in small steps just before it.
 */
static void test(const char *what, int (*op)(size_t rest), size_t step)
{
	size_t rest, few = 0, enough = 0;
	bool right = true;
	int refused = 0;

	make_room();
	for (rest = 0; right && !enough && rest < ROOM; rest += max(step, rest / FINE)) {
		int result = attempt(what, op, rest);

		right = result != 1;
		refused += result == 2;
		*(result ? &few : &enough) = rest;
	}
	while (right && enough > few + step / 11) {
		int result = attempt(what, op, rest = few + (enough - few) / 2);

		right = result != 1;
		*(result ? &few : &enough) = rest;
	}
	for (rest = few > 2 * step ? few - 2 * step : 0; right && rest < enough; rest += step / 11)
		right = attempt(what, op, rest) != 1;
	ksft_test_result(right && enough && refused > 0, "%s: refused with up to %zu bytes left",
			 what, few);
}

int main(void)
{
	ksft_print_header();
	unit_no_background();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	ksft_exit_skip("the sanitizers do not bear a fork beside threads");
#endif
	ksft_set_plan(7);
	unit_pin(0); /* check_init() maps what the first node has open */
	lane_free(lane_malloc(1));
	real = os;
	os.protect = refusing_protect;
	test("a start of the collected heap", begin_collecting, 1408);
	test("finalizers", set_finalizers, 2752);
	test("a thread that frees", free_in_thread, 640);
	test("samples of collected objects", sample_collected, KIB(16));
	test("tables of CPUs", make_lanes, 640);
	test("a node's heap", make_node_heap, 6400);
	if (check.on)
		ksft_test_result_skip("checking has begun");
	else
		test("a start of checking", begin_checking, 64);
	ksft_finished();
}
