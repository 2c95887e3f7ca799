// SPDX-License-Identifier: MIT
/*
 * What is released of a huge page in use stays released: the kernel is told to
 * leave such a page in small ones, until all of it is backed or released again.
 */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "node_heap.h"
#include "os.h"
#include "page_heap.h"
#include "space.h"

#define OBJECT MIB(1)
#define OBJECTS 160 /* more than the 64 MiB for which no huge pages are asked */

static char *objs[OBJECTS];
static struct os_ops real;

/* The two letters @flag are among what the kernel says of the mapping at @p. */
static bool mapping_has(const void *p, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long at = (unsigned long)p, from, to;
	bool inside = false, has = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= at && at < to;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			has = strstr(line, flag) != NULL;
	}
	if (f)
		fclose(f);
	return has;
}

static struct huge_page *huge_of(const void *p)
{
	return &space.huge[((u64)p - space.base) >> HUGE_SHIFT];
}

/* The last object whose huge page the kernel was asked for; NULL: none. */
static char *asked_for(void)
{
	for (int i = OBJECTS - 1; i >= 0; i--) {
		if (objs[i] && huge_of(objs[i])->thp)
			return objs[i];
	}
	return NULL;
}

static void fill(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		if (objs[i])
			continue;
		objs[i] = lane_malloc(OBJECT);
		memset(objs[i], 1, OBJECT);
	}
}

/* Of each two in a huge page. */
static void free_half(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		if (!((u64)objs[i] & OBJECT))
			continue;
		lane_free(objs[i]);
		objs[i] = NULL;
	}
}

static u32 splits(void)
{
	u32 n = 0;

	for (u32 h = 0; h < homes_made(); h++)
		n += node_heaps[h]->pages.nsplit;
	return n;
}

static void rejoin(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		for (u32 h = 0; h < homes_made(); h++)
			page_heap_rejoin(&node_heaps[h]->pages, UINT64_MAX);
	}
}

static int refuse_small_pages(void *addr, size_t len, int advice)
{
	return advice == MADV_NOHUGEPAGE ? -ENOMEM : real.advise(addr, len, advice);
}

static u64 released(void)
{
	static struct snap snap;

	snap_read(&snap);
	return snap.st.released;
}

/* The kernel has no memory for one mapping more: what is free goes back all the same. */
static void test_refused(void)
{
	u64 before = released();

	real = os;
	os.advise = refuse_small_pages;
	free_half();
	lane_release(SIZE_MAX);
	os.advise = real.advise;
	ksft_test_result(!splits() && released() >= before + OBJECTS / 4 * OBJECT &&
				 unit_books_right(),
			 "where the kernel refuses that, free pages go back all the same");
	fill();
}

int main(void)
{
	char *one;
	u32 split;

	ksft_print_header();
	fill();
	one = asked_for();
	if (!one || !mapping_has(one, " hg"))
		ksft_exit_skip("this kernel has no huge pages to ask for");
	ksft_set_plan(7);
	free_half();
	lane_release(SIZE_MAX);
	one = asked_for();
	split = splits();
	ksft_print_msg("%u of them split", split);
	ksft_test_result(one && split && huge_of(one)->split && mapping_has(one, " nh"),
			 "one that is released in part is left in small pages");
	rejoin();
	ksft_test_result(splits() == split && mapping_has(one, " nh"), "as long as it is");
	ksft_test_result(unit_books_right(), "the books are right");
	fill();
	rejoin();
	ksft_test_result(!splits() && mapping_has(one, " hg"),
			 "backed as a whole it may be huge again");
	test_refused();
	free_half();
	lane_release(SIZE_MAX);
	split = splits();
	for (int i = 0; i < OBJECTS; i++)
		lane_free(objs[i]);
	lane_release(SIZE_MAX);
	ksft_test_result(split && !splits() && mapping_has(one, " hg"),
			 "and so where it is released as a whole");
	ksft_test_result(unit_books_right(), "the books are right");
	ksft_finished();
}
