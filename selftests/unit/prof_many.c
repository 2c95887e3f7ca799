// SPDX-License-Identifier: MIT
/*
 * A profile of many: more sampled objects than the first tables have room for, more call sites
 * than are told apart, more addresses than a file's first table.
 */
#include "failing_os.h"

#include <lane/lane_prof.h>

#include "prof.h"
#include "prof_site.h"
#include "prof_stack.h"
#include "prof_write.h"

#define OBJECTS 6000
#define SIZE KIB(40)	     /* each is sampled */
#define SITES_MOST (1 << 16) /* told apart */
#define ADDRESSES 6000	     /* as far apart as functions at least */

static u64 in_use;

static void add_site(void *arg, const struct prof_site *s)
{
	(void)arg;
	in_use += s->raw_inuse_objects;
}

static u64 read_in_use(void)
{
	in_use = 0;
	prof_read(add_site, NULL);
	return in_use;
}

static void test_objects(void)
{
	static void *held[OBJECTS];
	bool right = lane_prof_set_rate(1024) == 0;
	u64 before = read_in_use();

	for (int i = 0; i < OBJECTS; i++)
		held[i] = lane_malloc(SIZE);
	right &= read_in_use() == before + OBJECTS;
	for (int i = 0; i < OBJECTS; i += 2)
		lane_free(held[i]);
	right &= read_in_use() == before + OBJECTS / 2;
	for (int i = 1; i < OBJECTS; i += 2)
		lane_free(held[i]);
	right &= read_in_use() == before && lane_prof_set_rate(0) == 0;
	ksft_test_result(right && unit_books_right(), "%d samples are found again, each", OBJECTS);
}

static void test_sites(void)
{
	static const struct prof_stack none;
	struct prof_stack stack = {.depth = 2, .pc = {4711}};
	struct prof_site_book *other = prof_site_get(&none), *site = NULL;
	u32 apart = 0, together = 0;

	for (int i = 0; i < SITES_MOST + 1000; i++) {
		stack.pc[1] = (uintptr_t)i * 16 + 1;
		site = prof_site_get(&stack);
		if (site == other)
			together++;
		else if (site && site->depth == 2 && site->pc[1] == stack.pc[1])
			apart++;
	}
	stack.pc[1] = 1;
	ksft_test_result(other && !other->depth && prof_site_get(&stack)->depth == 2 &&
				 apart + together == SITES_MOST + 1000 && together >= 1000 &&
				 apart >= SITES_MOST - 1000,
			 "%u call sites are told apart, what comes after is one", apart);
}

/* Every 16 bytes of this program's code. */
static u32 read_many(void (*row)(void *arg, const struct prof_site *site), void *arg)
{
	extern const char __executable_start[], etext[];
	uintptr_t from = (uintptr_t)etext - 16 * ADDRESSES;

	if (from < (uintptr_t)__executable_start)
		ksft_exit_fail_msg("so little code?");
	for (int i = 0; i < 2 * ADDRESSES + 2; i++) {
		uintptr_t pc = from + (uintptr_t)(i % ADDRESSES) * 16;
		struct prof_site s = {.depth = i < 2 * ADDRESSES,
				      .pc = &pc,
				      .raw_alloc_objects = 1,
				      .raw_alloc_bytes = 100,
				      .alloc_objects = 1,
				      .alloc_bytes = 100};

		row(arg, &s);
	}
	return 2 * ADDRESSES + 2;
}

static u64 varint(const u8 **p)
{
	u64 v = 0;

	for (u32 shift = 0;; shift += 7) {
		v |= (u64)(**p & 127) << shift;
		if (!(*(*p)++ & 128))
			return v;
	}
}

/* How many messages of field @number the profile has. */
static u32 messages(const struct page_buf *b, u64 number)
{
	const u8 *p = (const u8 *)b->data, *end = p + b->len;
	u32 n = 0;

	while (p < end) {
		u64 tag = varint(&p), value = varint(&p);

		n += tag == (number << 3 | 2);
		if ((tag & 7) == 2)
			p += value;
	}
	return n;
}

static void test_addresses(void)
{
	static const struct prof_source src = {
		.read = read_many,
		.totals = {.rate = 1024, .one_rate = 1024, .samples = 1},
		.why = "on"};
	struct page_buf b = {0};
	bool right = prof_pprof_write(&b, &src) == 0;

	/* Profile.sample, .location, .function: one location more for what is not known. */
	right &= messages(&b, 2) == 2 * ADDRESSES + 2 && messages(&b, 4) == ADDRESSES + 1 &&
		 messages(&b, 5) == 1;
	if (!right)
		ksft_print_msg("%u samples, %u locations, %u functions", messages(&b, 2),
			       messages(&b, 4), messages(&b, 5));
	page_buf_free(&b);
	ksft_test_result(right, "profile.proto: each address once");
}

static u32 writes(const struct prof_source *src, int err)
{
	u32 n = 0;

	for (unsigned int at = 1; at < 100; at++, n++) {
		struct page_buf b = {0};
		int ret;

		failing_from(at, true);
		ret = prof_text_write(&b, src);
		failures_end();
		page_buf_free(&b);
		if (!ret)
			break;
		if (ret != err)
			return 0;
	}
	return n;
}

/* The text grows several times, and each time there may be no memory. */
static void test_no_memory(void)
{
	static const struct prof_source src = {
		.read = read_many,
		.totals = {.rate = 1024, .one_rate = 1024, .samples = 1},
		.why = "on"};
	u32 n = writes(&src, -ENOMEM);

	ksft_test_result(n > 3, "text: no memory, at each of %u times", n);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(4);
	lane_free(lane_malloc(1));
	test_objects();
	test_addresses();
	test_no_memory();
	test_sites();
	ksft_finished();
}
