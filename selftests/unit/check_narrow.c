// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=check:full,mode:lock
/*
 * check:full on a processor without the long vectors that check_wide.c is made of: the same is
 * found, with the same words.
 */
#include "unit.h"

#include "check.h"

#define SIZE 100

static void free_twice(void *arg)
{
	lane_free(arg);
	lane_free(arg);
}

static void free_of_another_size(void *arg)
{
	lane_free_sized(arg, SIZE - 1);
}

static void write_beyond(void *arg)
{
	char *p = arg;

	p[SIZE] ^= 1;
	lane_free(p);
}

static void write_after_free(void *arg)
{
	char *p = arg;

	lane_free(p);
	p[SIZE / 2] ^= 1;
	for (int i = 0; i < 1000; i++)
		lane_free(lane_malloc(SIZE));
}

static const struct {
	const char *name, *line;
	void (*fn)(void *);
} mistakes[] = {
	{"a second free", "lane: double free of %1$p", free_twice},
	{"a wrong size", "lane: sized free of %1$p with size 99, which is not its size",
	 free_of_another_size},
	{"a byte beyond", "lane: write behind the 100 bytes at %1$p, found by free", write_beyond},
	{"a byte after the free", "lane: write to %2$p after the 100 bytes at %1$p were freed",
	 write_after_free},
};

/* Objects of all sizes, more than the quarantine holds, and what they hold. */
static bool right_objects(void)
{
	bool right = true;

	for (size_t i = 0; i < 100000; i++) {
		size_t size = i % 3000;
		char *p = i % 3 ? lane_malloc(size) : lane_calloc(1, size);

		right &= p && lane_malloc_usable_size(p) == size;
		for (size_t j = 0; i % 3 == 0 && j < size; j++)
			right &= !p[j];
		memset(p, (int)i, size);
		if (i % 2)
			lane_free(p);
		else
			lane_free_sized(p, size);
	}
	return right;
}

int main(int argc, char **argv)
{
	char line[128];

	(void)argc;
	unit_conf(argv, "check:full");
	ksft_print_header();
	unit_pin(0); /* what waits is handed out again on its own node */
	check.wide = false;
	ksft_set_plan(ARRAY_SIZE(mistakes) + 1);
	ksft_test_result(right_objects() && unit_books_right() && !unit_live(),
			 "objects of all sizes, and the books are right");
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		char *p = lane_malloc(SIZE);

		snprintf(line, sizeof(line), mistakes[i].line, (void *)p, (void *)(p + SIZE / 2));
		ksft_test_result(unit_dies(mistakes[i].fn, p, line), "%s", mistakes[i].name);
		lane_free(p);
	}
	ksft_finished();
}
