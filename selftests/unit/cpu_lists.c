// SPDX-License-Identifier: MIT
/* The kernel's lists of CPUs and nodes, good and bad. */
#include "unit.h"

#include "topology.h"

struct list {
	const char *text;
	bool good;
	u32 largest, count;
};

static const struct list lists[] = {
	{"0", true, 0, 1},	   {"0\n", true, 0, 1},
	{"0-1\n", true, 1, 2},	   {"0-3,8,10-11\n", true, 11, 7},
	{"2,4-5", true, 5, 3},	   {"5-5", true, 5, 1},
	{"7,3", true, 7, 2},	   {"0-8191", true, 8191, 8192},
	{"65535", true, 65535, 1}, {"", false, 0, 0},
	{"\n", false, 0, 0},	   {"-", false, 0, 0},
	{"-1", false, 0, 0},	   {"1-", false, 0, 0},
	{"3-1", false, 0, 0},	   {"1-2-3", false, 0, 0},
	{",1", false, 0, 0},	   {"1 2", false, 0, 0},
	{"1,,2", false, 0, 0},	   {"0x3", false, 0, 0},
	{"a", false, 0, 0},	   {"0-3:1/2", false, 0, 0},
	{"65536", false, 0, 0},	   {"99999999999999999999", false, 0, 0},
	{"0-3,", false, 0, 0},	   {"0-3,\n", false, 0, 0},
};

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(lists));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct list *l = &lists[i];
		u32 largest = 0, count = 0;
		bool good = topology_parse_list(l->text, &largest, &count);
		bool same = largest == l->largest && count == l->count;

		ksft_test_result(good == l->good && (!good || same), "'%.*s' is %s",
				 (int)strcspn(l->text, "\n"), l->text, l->good ? "a list" : "none");
	}
	ksft_finished();
}
