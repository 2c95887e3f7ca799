// SPDX-License-Identifier: MIT
/*
 * A transfer cache gives back what was put in, last in first, takes no more
 * than it has room for, and passes on only what was not needed meanwhile.
 */
#include "unit.h"

#include "meta.h"
#include "size_class.h"
#include "transfer.h"

#define CLS 20u

static struct transfer t;
static void *objs[8192], *got[8192];

static void fresh(void)
{
	memset(&t, 0, sizeof(t));
	transfer_init(&t);
	for (size_t i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = (void *)((i + 1) * 64);
}

static bool last_in_first(void)
{
	fresh();
	return transfer_put(&t, CLS, objs, 10, USER_CPU) == 10 &&
	       transfer_get(&t, got, 4, USER_CPU) == 4 &&
	       !memcmp(got, objs + 6, 4 * sizeof(*got)) &&
	       transfer_get(&t, got, 10, USER_CPU) == 6 && !memcmp(got, objs, 6 * sizeof(*got)) &&
	       transfer_get(&t, got, 1, USER_CPU) == 0;
}

/* The last ones stay here, those before them are for the central list. */
static bool no_more_than_fits(void)
{
	u32 limit = size_classes[CLS].transfer, n = limit + 100;

	fresh();
	return transfer_put(&t, CLS, objs, n, USER_CPU) == limit && t.count == limit &&
	       transfer_put(&t, CLS, objs, 5, USER_CPU) == 0 &&
	       transfer_get(&t, got, limit, USER_CPU) == limit &&
	       !memcmp(got, objs + 100, limit * sizeof(*got));
}

static bool counts_by_user(void)
{
	u64 *c = t.book.cur;

	fresh();
	transfer_put(&t, CLS, objs, 20, USER_CPU);
	transfer_put(&t, CLS, objs + 20, 7, USER_PROGRAM);
	transfer_get(&t, got, 9, USER_CPU);
	transfer_get(&t, got, 3, USER_PROGRAM);
	transfer_drain(&t, got, 5, true);
	return c[T_CPU_IN] == 20 && c[T_FREES] == 7 && c[T_CPU_OUT] == 9 && c[T_MALLOCS] == 3 &&
	       c[T_DRAINED] == 5 && t.count == 10;
}

/* The first look only begins an interval; then what lay at the bottom all along goes. */
static bool drains_the_unneeded(void)
{
	fresh();
	transfer_put(&t, CLS, objs, 100, USER_CPU);
	if (transfer_drain(&t, got, 100, false))
		return false;
	transfer_get(&t, got, 70, USER_CPU);
	transfer_put(&t, CLS, objs + 30, 70, USER_CPU);
	if (transfer_drain(&t, got, 100, false) != 30 || memcmp(got, objs, 30 * sizeof(*got)))
		return false;
	/* All of the rest was idle since. */
	return transfer_drain(&t, got, 100, false) == 70 && t.count == 0;
}

static bool drains_all(void)
{
	u32 n = 0, k;

	fresh();
	transfer_put(&t, CLS, objs, 100, USER_CPU);
	while ((k = transfer_drain(&t, got + n, 33, true)))
		n += k;
	return n == 100 && !memcmp(got, objs, 100 * sizeof(*got)) && !t.count;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(5);
	lane_free(lane_malloc(1)); /* start: its array comes from Lane's own memory */
	ksft_test_result(last_in_first(), "last in, first out");
	ksft_test_result(no_more_than_fits(), "no more than fits");
	ksft_test_result(counts_by_user(), "counted by who gave and took");
	ksft_test_result(drains_the_unneeded(), "what was not needed is passed on");
	ksft_test_result(drains_all(), "all is passed on when asked for");
	ksft_finished();
}
