// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: check LANE_CONF=check:full
/*
 * Lane's own memory is used up but for a little, and the system gives no more: for each size of the
 * rest an operation works, or says that it could not, and works when there is memory again.
 */
#include "unit.h"

#include <lane/lane_gc.h>
#include <sys/mman.h>

#include "meta.h"
#include "os.h"

#define CHILDREN 2 /* at a time */

static struct os_ops real;
static bool refusing;
static char *end; /* of what can be had without asking the system; by a child that has tried */

static int refusing_protect(void *addr, size_t len, int prot)
{
	if (__atomic_load_n(&refusing, __ATOMIC_SEQ_CST) && prot & PROT_WRITE)
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

/* How far it reaches: in a child, as what is taken there is not taken here. */
static char *find_end(void)
{
	char **shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	char *p;

	if (!pid) {
		memory(false);
		while ((p = piece()))
			*shared = p + 64;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	p = *shared;
	munmap(shared, 4096);
	return p;
}

/* @rest bytes of it are left, and no more can be had. */
static void leave(size_t rest)
{
	char *p;

	memory(false);
	while ((p = piece()) && p + 64 + rest < end)
		;
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
	/* The fork that looks for the end is of another heap than this one, so look anew. */
	end = find_end();
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

/* For each rest, from none on: in the end nothing is refused. Just before, in small steps. */
static void test(const char *what, int (*op)(size_t rest), size_t step)
{
	bool right = true, done = false;
	size_t rest = 0, enough;
	int refused = 0;

	end = find_end();
	for (; right && !done && rest < KIB(400); rest += step) {
		int result = attempt(what, op, rest);

		right = result != 1;
		done = !result;
		refused += result == 2;
	}
	enough = rest;
	for (rest = enough > 3 * step ? enough - 3 * step : 0; right && rest < enough - step;
	     rest += step / 11)
		right = attempt(what, op, rest) != 1;
	ksft_test_result(right && done && refused > 0, "%s: refused with up to %zu bytes left",
			 what, enough);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(3);
	lane_free(lane_malloc(1));
	real = os;
	os.protect = refusing_protect;
	test("a start of the collected heap", begin_collecting, 1408);
	test("finalizers", set_finalizers, 2752);
	test("a thread that frees", free_in_thread, 640);
	ksft_finished();
}
