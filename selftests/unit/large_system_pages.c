// SPDX-License-Identifier: MIT
/*
 * Kernels with pages of 16 and 64 KiB, as arm64 has: what is free in whole pages of theirs goes
 * back, also where a part of such a page was in use again since it went back before.
 */
#include "unit.h"

#include <dlfcn.h>
#include <lane/lane.h>
#include <sys/auxv.h>

#include "node_heap.h"
#include "os.h"
#include "page_heap.h"

#define OBJECTS 4000
#define SIZE 40000

static char *object[OBJECTS];

/* Lane asks here. */
unsigned long getauxval(unsigned long type)
{
	unsigned long (*real)(unsigned long) =
		(unsigned long (*)(unsigned long))dlsym(RTLD_NEXT, "getauxval");
	const char *made_up = getenv("PAGE");

	return type == AT_PAGESZ && made_up ? strtoul(made_up, NULL, 0) : real(type);
}

static u64 backed_free(void)
{
	return page_heap_backed_free(&node_heaps[0]->pages);
}

/* Bytes that are free and backed, in system pages that are free as a whole. */
static u64 could_go(void)
{
	struct page_heap *ph = &node_heaps[0]->pages;
	u32 unit = (u32)(os_page_size >> PAGE_SHIFT);
	u64 pages = 0;

	spin_lock(&ph->lock);
	for (u32 i = 0; i < ph->opened; i++) {
		const struct huge_page *h = &ph->huge[i];

		for (u32 page = 0; page < HUGE_PAGES; page += unit)
			if (!bits_weight(h->used, page, unit))
				pages += unit - bits_weight(h->released, page, unit);
	}
	spin_unlock(&ph->lock);
	return pages << PAGE_SHIFT;
}

static void fill(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		if (object[i])
			continue;
		object[i] = lane_malloc(SIZE);
		memset(object[i], 1, SIZE);
	}
}

/* All but one in @stays. */
static void drop(int stays)
{
	for (int i = 0; i < OBJECTS; i++) {
		if (stays && i % stays == 0)
			continue;
		lane_free(object[i]);
		object[i] = NULL;
	}
}

/* In a process of its own. */
static int look(void)
{
	u64 could, went;
	bool good;

	unit_pin(0); /* on one node, which is the first heap's */
	fill();
	drop(5);
	could = could_go();
	went = lane_release(SIZE_MAX);
	good = could > MIB(50) && went >= could && could_go() == 0;
	ksft_print_msg("one in five stays: %llu of %llu KiB went", (unsigned long long)went >> 10,
		       (unsigned long long)could >> 10);
	for (int i = 0; i < 20; i++) { /* parts of what went are used, and freed, again */
		for (int j = i; j < OBJECTS; j += 7) {
			if (!object[j])
				object[j] = lane_malloc(SIZE);
		}
		drop(5);
		lane_release(SIZE_MAX);
	}
	good &= could_go() == 0;
	drop(0);
	lane_release(SIZE_MAX);
	ksft_print_msg("all is free: %llu KiB stay", (unsigned long long)backed_free() >> 10);
	return !(good && backed_free() == 0 && unit_books_right());
}

int main(int argc, char **argv)
{
	static const char *const sizes[] = {"16384", "65536"};

	(void)argv;
	if (argc > 1)
		return look();
	ksft_print_header();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	ksft_exit_skip("the sanitizer would be told, too");
#endif
	ksft_set_plan(ARRAY_SIZE(sizes));
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		int status = -1;
		pid_t pid = fork();

		if (!pid) {
			setenv("PAGE", sizes[i], 1);
			setenv("LANE_CONF", "release_slack:1g", 1); /* nothing goes by itself */
			execl("/proc/self/exe", "large_system_pages", "look", NULL);
			_exit(99);
		}
		waitpid(pid, &status, 0);
		ksft_test_result(status == 0, "system pages of %s bytes: what is free goes back",
				 sizes[i]);
	}
	ksft_finished();
}
