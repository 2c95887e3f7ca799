// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
// variant: check LANE_CONF=check:full
// variant: thp LANE_CONF=thp:always
/*
 * The heap may not grow any more, and what is free of it is enough, but no huge page is free as a
 * whole: a large object gets the adjacent pages that there are, at its alignment, zeroed where that
 * is asked for, and the books are right.
 */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "check.h"
#include "node_heap.h"
#include "os.h"

#define PIECE (KIB(256) - 1) /* with a canary, too, an eighth of a huge page */
#define PIECES 4096
#define SIZE MIB(3) /* of 3.5 MiB of adjacent pages that are free then */

static struct os_ops real;
static bool full;
static char *pieces[PIECES];

static int refusing_protect(void *addr, size_t len, int prot)
{
	return READ_ONCE(full) && prot & PROT_WRITE ? -ENOMEM : real.protect(addr, len, prot);
}

static int by_address(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return x < y ? -1 : x > y;
}

/* All of the heap, in pieces by rising address. */
static unsigned int take_all(void)
{
	unsigned int n = 0;

	while (n < PIECES && (pieces[n] = lane_malloc(PIECE)) != NULL)
		memset(pieces[n++], 1, PIECE);
	qsort(pieces, n, sizeof(pieces[0]), by_address);
	return n;
}

/* Whether some huge page is free as a whole. */
static bool any_whole(void)
{
	for (u32 h = 0; h < homes_made(); h++) {
		const struct page_heap *ph = &node_heaps[h]->pages;

		if (bit_find(ph->whole, ph->opened, 0, true) < ph->opened)
			return true;
	}
	return false;
}

static uintptr_t huge_of(unsigned int i)
{
	return (uintptr_t)pieces[i] / HUGE_SIZE;
}

/* The first of an even huge page, the last of an odd one: between them is room, but no whole one.
 */
static bool stays(unsigned int i, unsigned int n)
{
	return huge_of(i) % 2 ? i + 1 == n || huge_of(i + 1) != huge_of(i)
			      : !i || huge_of(i - 1) != huge_of(i);
}

/* Returns how many pieces are left. */
static unsigned int make_holes(unsigned int n)
{
	static char *kept[PIECES];
	unsigned int left = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (stays(i, n))
			kept[left++] = pieces[i];
		else
			lane_free(pieces[i]); /* its address is still looked at */
	}
	memcpy(pieces, kept, sizeof(kept));
	lane_release(SIZE_MAX);
	return left;
}

static bool is_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i])
			return false;
	}
	return true;
}

static bool aligned(size_t align, size_t size)
{
	char *p = lane_memalign(align, size);
	bool good = p && !((uintptr_t)p % align) && unit_books_right();

	if (p)
		memset(p, 2, size);
	lane_free(p);
	return good;
}

int main(void)
{
	unsigned int n;
	char *p, *q;

	ksft_print_header();
	ksft_set_plan(5);
	unit_pin(0);
	real = os;
	os.protect = refusing_protect;
	lane_free(lane_malloc(1));
	conf.check_quarantine = 0;
	p = lane_malloc(PIECE); /* the heap has some */
	WRITE_ONCE(full, true);
	lane_free(p);
	n = take_all();
	n = make_holes(n);
	ksft_print_msg("%u of all stay", n);
	ksft_test_result(n >= 4 && !any_whole() && unit_books_right(),
			 "no huge page is free as a whole");
	p = lane_calloc(1, SIZE);
	ksft_test_result(p && is_zero(p, SIZE) && unit_books_right(), "a large object lies in two");
	q = p ? lane_realloc(p, SIZE + KIB(200)) : NULL;
	ksft_test_result(q && is_zero(q, SIZE) && unit_books_right(), "and may be resized");
	lane_free(q);
	ksft_test_result(aligned(KIB(64), SIZE) && aligned(MIB(1), MIB(2) + KIB(500)) &&
				 aligned(HUGE_SIZE, MIB(1) + KIB(500)) &&
				 !lane_malloc(2 * HUGE_SIZE) && errno == ENOMEM,
			 "at its alignment; what is too large for any fails");
	for (unsigned int i = 0; i < n; i++)
		lane_free(pieces[i]);
	lane_release(SIZE_MAX);
	ksft_test_result(unit_live() == 0 && unit_books_right() && any_whole(),
			 "all freed: there are whole ones again");
	ksft_finished();
}
