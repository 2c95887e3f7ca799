// SPDX-License-Identifier: MIT
/*
 * Huge pages are asked for beyond the first 64 MiB of a heap, also where one object is so large
 * that all of it is opened at once.
 */
#include "unit.h"

#include <sys/mman.h>

#include "node_heap.h"
#include "os.h"
#include "space.h"

#define SMALL_PAGES MIB(64)
#define OBJECT MIB(256)

static struct os_ops real;
static u64 small, huge; /* bytes that were advised so */
static bool wrong;	/* or what was does not lie where it should */

static int note_advice(void *addr, size_t len, int advice)
{
	u64 at = (u64)addr - space.base;

	if (at >= HOME_SIZE)
		return real.advise(addr, len, advice);
	if (advice == MADV_NOHUGEPAGE) {
		small += len;
		wrong |= at + len > SMALL_PAGES;
	}
	if (advice == MADV_HUGEPAGE) {
		huge += len;
		wrong |= at < SMALL_PAGES;
	}
	return 0; /* as where there are huge pages */
}

/* All from @first on were asked for, and none before. */
static bool marked_from(u64 first)
{
	struct page_heap *ph = &node_heaps[0]->pages;
	bool right = true;

	for (u32 i = 0; i < ph->opened; i++)
		right &= ph->huge[i].thp == ((u64)i << HUGE_SHIFT >= first);
	return right;
}

int main(int argc, char **argv)
{
	char *p;

	(void)argc;
	unit_conf(argv, "numa:off");
	ksft_print_header();
	ksft_set_plan(3);
	real = os;
	os.advise = note_advice;
	p = lane_malloc(OBJECT);
	os.advise = real.advise;
	ksft_print_msg("%llu MiB in huge pages", (unsigned long long)(huge >> 20));
	ksft_test_result(!wrong && small <= SMALL_PAGES && huge >= OBJECT - SMALL_PAGES,
			 "an object across the border has huge pages behind it");
	ksft_test_result(marked_from(SMALL_PAGES), "and the heap knows which they are");
	lane_free(p);
	ksft_test_result(unit_books_right() && unit_live() == 0, "the books are right");
	ksft_finished();
}
