// SPDX-License-Identifier: MIT
/*
 * Free memory that the program has locked cannot go back: the kernel refuses. All else does, as
 * much as is asked for, and what was locked does when it no longer is.
 */
#include "unit.h"

#include <sys/mman.h>

#include <lane/lane.h>

#include "node_heap.h"
#include "os.h"
#include "page_heap.h"

#define OBJECTS 90
#define SIZE (600 << 10)
#define LOCKED_MAX 24

static struct os_ops real;
static uintptr_t locked[LOCKED_MAX]; /* the page of each */
static unsigned int nr_locked, refused;

static int advise(void *addr, size_t len, int advice)
{
	uintptr_t from = (uintptr_t)addr;

	for (unsigned int i = 0; advice == MADV_DONTNEED && i < nr_locked; i++) {
		if (locked[i] >= from && locked[i] < from + len) {
			refused++;
			return -EINVAL;
		}
	}
	return real.advise(addr, len, advice);
}

static char *object[OBJECTS];
static u64 whole; /* bytes of the large object that is locked, too, where there is one */

static u64 backed_free(void)
{
	return page_heap_backed_free(&node_heaps[0]->pages);
}

/* Every third is free then; a page of @n of those is locked, @large: and one of a huge page. */
static void make(unsigned int n, bool large)
{
	char *p = large ? lane_malloc(MIB(4)) : NULL;

	for (int i = 0; i < OBJECTS; i++) {
		object[i] = lane_malloc(SIZE);
		memset(object[i], 1, SIZE);
	}
	nr_locked = refused = 0;
	whole = large ? MIB(4) : 0;
	if (p) {
		memset(p, 1, MIB(4));
		for (int i = 0; i < 2; i++)
			locked[nr_locked++] = (uintptr_t)p + (uintptr_t)i * MIB(2) + 8192;
		lane_free(p);
	}
	for (int i = 0; i < OBJECTS; i += 3) {
		if (i / 3 < (int)n)
			locked[nr_locked++] = (uintptr_t)object[i] + 8192;
		lane_free(object[i]);
		object[i] = NULL;
	}
}

static void drop(void)
{
	for (int i = 0; i < OBJECTS; i++)
		lane_free(object[i]);
	nr_locked = 0;
	lane_release(SIZE_MAX);
}

/* Each keeps back what is free beside it; @n of them, and a large one. */
static bool all_else_goes(unsigned int n, bool large)
{
	u64 before, kept;
	bool good;

	make(n, large);
	before = backed_free();
	lane_release(SIZE_MAX);
	kept = backed_free();
	good = before >= (u64)OBJECTS / 3 * SIZE && refused >= nr_locked && kept >= whole &&
	       kept <= whole + (u64)n * 2 * SIZE;
	nr_locked = 0;
	lane_release(SIZE_MAX);
	good &= backed_free() == 0;
	ksft_print_msg("of %llu KiB %llu stay, then none", (unsigned long long)before >> 10,
		       (unsigned long long)kept >> 10);
	drop();
	return good;
}

int main(int argc, char **argv)
{
	u64 before, tries;
	bool good = true;

	(void)argc;
	unit_conf(argv, "release_slack:1g"); /* nothing goes by itself */
	ksft_print_header();
	ksft_set_plan(6);
	unit_pin(0); /* on one node, which is the first heap's */
	real = os;
	os.advise = advise;
	ksft_test_result(all_else_goes(1, false), "a page is locked: all else goes, then it does");
	ksft_test_result(all_else_goes(0, true), "a large object is locked");
	ksft_test_result(all_else_goes(20, true), "and twenty pages");

	make(5, true);
	before = backed_free();
	for (int i = 0; i < 8 && good; i++) {
		u64 had = backed_free();

		lane_release(MIB(1));
		good = backed_free() <= had - MIB(1);
	}
	ksft_test_result(good && before - backed_free() >= MIB(8),
			 "what is asked for goes, each time");
	tries = refused;
	for (int i = 0; i < 200; i++)
		lane_release(8192);
	ksft_test_result(refused - tries < 50, "and the kernel is seldom asked again (%llu)",
			 (unsigned long long)(refused - tries));
	drop();
	ksft_test_result(backed_free() == 0 && unit_books_right(),
			 "in the end all goes, the books are right");
	ksft_finished();
}
