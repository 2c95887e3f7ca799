// SPDX-License-Identifier: MIT
/*
 * Every system call that Lane makes during an operation fails in turn: once,
 * and from then on. The operation gives NULL with ENOMEM or succeeds; whatever
 * it gave is intact and can be freed; the books are right; and afterwards all
 * works again.
 */
#include "failing_os.h"

#define SMALL_OBJECTS 3000
#define ROOM (SMALL_OBJECTS + 1000)
#define CHECKED 256    /* bytes of each object that are filled and looked at */
#define MOST_CALLS 400 /* an operation that makes more is broken */

/* What the operation under test holds. */
static struct {
	void *p;
	uint32_t size;
} held[ROOM];
static unsigned int nr_held;
static int wrong;

static void keep(void *p, size_t size)
{
	if (!p) {
		wrong += errno != ENOMEM;
		return;
	}
	pattern_fill(p, min(size, (size_t)CHECKED), size);
	held[nr_held].p = p;
	held[nr_held++].size = (uint32_t)size;
}

static bool held_intact(void)
{
	for (unsigned int i = 0; i < nr_held; i++) {
		size_t size = held[i].size;

		if (!pattern_holds(held[i].p, min(size, (size_t)CHECKED), size))
			return false;
	}
	return true;
}

static void free_held(void)
{
	while (nr_held)
		lane_free(held[--nr_held].p);
}

static void *try_malloc(size_t size)
{
	errno = 0;
	return lane_malloc(size);
}

/* More than is made writable at a time. */
static void do_small(void)
{
	for (unsigned int i = 0; i < SMALL_OBJECTS; i++)
		keep(try_malloc(8 + i % 97 * 320), 8 + i % 97 * 320);
}

static void do_large(void)
{
	static const size_t sizes[] = {KIB(40), MIB(3), MIB(70), KIB(300), MIB(200)};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		keep(try_malloc(sizes[i]), sizes[i]);
}

static void do_aligned(void)
{
	for (size_t align = 16; align <= MIB(64); align *= 2) {
		void *p;

		errno = 0;
		p = lane_aligned_alloc(align, align + 100);
		wrong += (uintptr_t)p % align != 0;
		keep(p, align + 100);
	}
}

static void do_calloc(void)
{
	static const size_t sizes[] = {100, KIB(20), KIB(100), MIB(50)};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *p;

		errno = 0;
		p = lane_calloc(1, sizes[i]);
		wrong += p && !all_zero(p, min(sizes[i], KIB(100)));
		keep(p, sizes[i]);
	}
}

/* A failed realloc() leaves the object as it was. */
static void do_realloc(void)
{
	size_t size = 100;

	keep(try_malloc(size), size);
	for (; nr_held && size < MIB(100); size = size * 3 / 2) {
		void *p;

		errno = 0;
		p = lane_realloc(held[0].p, size);
		if (!p) {
			wrong += errno != ENOMEM || !held_intact();
			continue;
		}
		wrong += !pattern_holds(p, (size_t)96, held[0].size);
		nr_held = 0;
		keep(p, size);
	}
}

static void do_free(void)
{
	unsigned int half = nr_held / 2;

	errno = 7;
	while (nr_held > half)
		lane_free(held[--nr_held].p);
	wrong += errno != 7;
}

static void do_release(void)
{
	do_free();
	lane_release(MIB(1));
	lane_release(SIZE_MAX);
}

static void do_stats(void)
{
	static struct snap snap;

	wrong += snap_read(&snap) != 0 || !snap_good(&snap);
	wrong += snap_walk(&snap) != 0 || snap_faults(&snap, true) != 0;
	do_free();
	wrong += snap_read(&snap) != 0 || !snap_good(&snap);
}

static const struct operation {
	const char *name;
	void (*run)(void);
	bool full; /* with objects held before */
} operations[] = {
	{"malloc of small objects", do_small, false},
	{"malloc of large objects", do_large, false},
	{"aligned_alloc", do_aligned, false},
	{"calloc", do_calloc, false},
	{"realloc", do_realloc, false},
	{"free", do_free, true},
	{"release", do_release, true},
	{"statistics", do_stats, true},
};

/* In a child: the operation with failures, then everything without. */
static int operate(const struct operation *op, unsigned int n, bool and_on, bool *failed)
{
	uint64_t before = unit_live();

	if (op->full)
		do_small();
	failing_from(n, and_on);
	op->run();
	*failed = os_failed > 0;
	os_fail_at = 0;
	if (wrong || !held_intact())
		return 1;
	if (!unit_books_right() || unit_live() != before + nr_held)
		return 2;
	free_held();
	do_large();
	do_small();
	if (nr_held != SMALL_OBJECTS + 5 || !held_intact() || !unit_books_right())
		return 3;
	free_held();
	lane_release(SIZE_MAX);
	return unit_books_right() && unit_live() == before ? 0 : 4;
}

struct attempt {
	const struct operation *op;
	unsigned int n;
	bool and_on;
};

#define NONE_FAILED 100

static int attempt(void *arg)
{
	struct attempt *a = arg;
	bool failed;
	int ret = operate(a->op, a->n, a->and_on, &failed);

	return ret ? ret : failed ? 0 : NONE_FAILED;
}

static const char *what_went_wrong(int ret)
{
	static const char *const text[] = {"", "a wrong result or a damaged object",
					   "books after the failure",
					   "allocation after the failure", "books in the end"};

	return ret > 0 && ret < (int)ARRAY_SIZE(text) ? text[ret] : "died";
}

/* The call that fails after the @n-th: the next; in a short run soon not the very next. */
static unsigned int next_call(unsigned int n)
{
	return n + 1 + (ksft_quick() ? n / 4 : 0);
}

/* Call after call, until the operation makes fewer than that. */
static void test_operation(const struct operation *op, bool and_on)
{
	struct attempt a = {.op = op, .n = 1, .and_on = and_on};
	unsigned int last = 0;
	int ret;

	while (!(ret = in_child(attempt, &a, 30)) && a.n < MOST_CALLS) {
		last = a.n;
		a.n = next_call(a.n);
	}
	if (ret != NONE_FAILED)
		ksft_print_msg("call %u of %s: %s", a.n, op->name, what_went_wrong(ret));
	ksft_test_result(ret == NONE_FAILED, "%s: %s of %u calls fails%s", op->name,
			 ksft_quick() ? "one" : "each", last, and_on ? ", and all after it" : "");
}

/* Start: in a process that is made anew, as the constructor makes the first calls. */
static int start_failing(void)
{
	bool failed = os_failed > 0;
	void *p = NULL;
	static struct snap snap;

	/* Each of these tries to start, and must leave nothing behind where it fails. */
	for (int i = 0; !p && i < 200; i++) {
		p = try_malloc(100);
		if (!p && errno != ENOMEM)
			return 1;
	}
	failed |= os_failed > 0;
	/* Statistics of a heap that has not started: refused, or right. */
	if (!snap_read(&snap) && !snap_good(&snap))
		return 2;
	lane_release(SIZE_MAX);
	os_fail_at = 0;
	keep(p, 100);
	do_small();
	do_large();
	if (nr_held < SMALL_OBJECTS + 5 || wrong || !held_intact() || !unit_books_right())
		return 3;
	free_held();
	return !unit_books_right() || unit_live() ? 4 : failed ? 0 : NONE_FAILED;
}

static int exec_start(void *arg)
{
	setenv("FAIL_START", arg, 1);
	execl("/proc/self/exe", "failing_system_calls", "start", NULL);
	return 99;
}

static void test_start(const char *how, const char *text)
{
	char arg[32];
	unsigned int n = 0;
	int ret = 0;

	while (!ret && ++n < MOST_CALLS) {
		snprintf(arg, sizeof(arg), "%u%s", n, how);
		ret = in_child(exec_start, arg, 30);
	}
	if (ret != NONE_FAILED)
		ksft_print_msg("call %u of start: %s", n, what_went_wrong(ret));
	ksft_test_result(ret == NONE_FAILED, "start: each of %u calls fails%s", n - 1, text);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "start"))
		return start_failing();
	ksft_print_header();
	ksft_set_plan(2 * ARRAY_SIZE(operations) + 3);
	test_start("", "");
	test_start("+", ", and all after it");
	test_start("+p", ", and all mprotect() after it for 200 attempts");
	for (int on = 0; on < 2; on++) {
		for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
			test_operation(&operations[i], on);
	}
	ksft_finished();
}
