// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=check:full,mode:lock
/*
 * With check:full an object may have to move where it becomes smaller. Where there is nothing to
 * move to, realloc says so, and the object is what it was: all of it, and to the byte.
 */
#include "failing_os.h"

#include "slow_path.h"

#define FROM 20000 /* to TO it moves, as the canary would be longer than an entry says */
#define TO 11000
#define LARGE KIB(100)
#define OBJECTS 4096

static void *held[OBJECTS];
static int nr_held;

/* The system gives no more, and of what it gave nothing is left for an object of @size. */
static void use_up(size_t size)
{
	failing_from(1, true);
	while (nr_held < OBJECTS && (held[nr_held] = lane_malloc(size)))
		nr_held++;
}

static void give_back(void)
{
	failures_end();
	while (nr_held)
		lane_free(held[--nr_held]);
}

static bool has(void *p, size_t size, size_t filled)
{
	return p && lane_malloc_usable_size(p) == size && pattern_holds(p, filled, filled);
}

/* Frees @p only where it has just @size bytes: else that would end the test. */
static bool freed_as(void *p, size_t size)
{
	if (lane_malloc_usable_size(p) != size)
		return false;
	lane_free_sized(p, size);
	return true;
}

static bool refused(void *p, size_t to)
{
	errno = 0;
	return !lane_realloc(p, to) && errno == ENOMEM;
}

static void test_no_memory(void)
{
	char *p = lane_malloc(FROM);
	bool right;

	pattern_fill(p, FROM, FROM);
	use_up(TO);
	right = nr_held < OBJECTS && refused(p, TO) && has(p, FROM, FROM);
	/* Nearer it stays, and needs nothing. */
	right = right && lane_realloc(p, FROM - 8) == p && lane_malloc_usable_size(p) == FROM - 8 &&
		pattern_holds(p, FROM - 8, FROM);
	right = right && refused(p, TO) && freed_as(p, FROM - 8);
	give_back();
	ksft_test_result(right && unit_books_right() && unit_live() == 0,
			 "no memory: the object is what it was");
}

static void test_later(void)
{
	char *p = lane_malloc(FROM), *q;
	bool right;

	pattern_fill(p, FROM, FROM);
	use_up(TO);
	right = refused(p, TO);
	give_back();
	q = right ? lane_realloc(p, TO) : NULL;
	right = q && q != p && pattern_holds(q, TO, FROM) && freed_as(q, TO);
	ksft_test_result(right && unit_books_right() && unit_live() == 0, "memory again: it moves");
}

/* A handler that interrupted a slow path cannot give a tail back. */
static void test_handler(void)
{
	char *near = lane_malloc(LARGE), *far = lane_malloc(LARGE), *refusing = lane_malloc(LARGE);
	char *moved;
	bool right;

	pattern_fill(near, LARGE, LARGE);
	pattern_fill(far, LARGE, LARGE);
	pattern_fill(refusing, LARGE, LARGE);
	slow_enter_always();
	right = lane_realloc(near, LARGE - 8) == near;
	moved = lane_realloc(far, LARGE / 2);
	right &= moved && moved != far;
	failing_from(1, true);
	right &= refused(refusing, LARGE / 2);
	failures_end();
	slow_exit();
	right = right && pattern_holds(near, LARGE - 8, LARGE) && freed_as(near, LARGE - 8);
	right = right && has(refusing, LARGE, LARGE) && freed_as(refusing, LARGE);
	right = right && pattern_holds(moved, LARGE / 2, LARGE);
	if (right)
		lane_free_sized(moved, LARGE / 2);
	ksft_test_result(right && unit_books_right() && unit_live() == 0,
			 "a handler's large object stays, moves, or is what it was");
}

int main(int argc, char **argv)
{
	(void)argc;
	unit_conf(argv, "check:full");
	ksft_print_header();
	ksft_set_plan(3);
	unit_pin(0); /* what is used up is one node's */
	test_no_memory();
	test_later();
	test_handler();
	ksft_finished();
}
