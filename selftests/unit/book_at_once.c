// SPDX-License-Identifier: MIT
/*
 * One thread changes a book all the time, another begins generations and reads it, and neither
 * waits for the other. Each notes what it finds; afterwards each change must have been read in
 * the generation that its writer found, and in no other. Where a book_begin() or a flip has no
 * barrier the other one sees its store late, now and then, and the change is in neither.
 */
#include "unit.h"

#include "stat.h"

#define CHANGES 4000000u
#define FLIPS 1000000u

static struct stat_book book;
static u32 found_gen[CHANGES]; /* number of the generation; writer, read when it has ended */
static u64 found_count[FLIPS]; /* changes before the flip; reader */
static bool stop;

static u32 number(u64 gen)
{
	return (u32)(gen >> WORD_IDX_BITS);
}

static void *writer(void *arg)
{
	u64 n;

	unit_pin(1);
	for (n = 0; n < CHANGES && !READ_ONCE(stop); n++) {
		book_begin(&book);
		book_add(&book, 0, 1);
		book_end(&book);
		found_gen[n] = number(book.gen);
	}
	*(u64 *)arg = n;
	return NULL;
}

/* The caller is the only reader. */
static u64 read_next(void)
{
	u64 gen = hot.gen + (1u << WORD_IDX_BITS), out[BOOK_ITEMS];

	WRITE_ONCE(hot.gen, gen);
	smp_mb(); /* pairs with book_begin() */
	seq_settle(&book.seq);
	book_read(&book, gen, out);
	return out[0];
}

/* Flips whose count is not that of the changes in older generations. */
static u64 count_wrong(u32 first, u64 flips, u64 changes, u64 *between)
{
	u64 older = 0, wrong = 0;

	for (u64 k = 0; k < flips; k++) {
		u64 before = older;

		while (older < changes && found_gen[older] < first + k)
			older++;
		*between += older != before;
		if (found_count[k] != older && wrong++ < 5)
			ksft_print_msg("flip %llu: %llu changes, not %llu", (unsigned long long)k,
				       (unsigned long long)found_count[k],
				       (unsigned long long)older);
	}
	return wrong;
}

int main(void)
{
	u64 flips, changes = 0, between = 0, wrong;
	double end;
	pthread_t t;
	u32 first;

	ksft_print_header();
	ksft_set_plan(2);
	lane_free(lane_malloc(1)); /* start: generation 1 */
	unit_pin(0);
	first = number(hot.gen) + 1;
	start_thread(&t, writer, &changes);
	end = ksft_now() + (ksft_quick() ? 0.5 : 2);
	for (flips = 0; flips < FLIPS && (flips % 64 || ksft_now() < end); flips++)
		found_count[flips] = read_next();
	WRITE_ONCE(stop, true);
	pthread_join(t, NULL);
	wrong = count_wrong(first, flips, changes, &between);
	ksft_print_msg("%llu changes, %llu flips, %llu of them behind a change",
		       (unsigned long long)changes, (unsigned long long)flips,
		       (unsigned long long)between);
	ksft_test_result(!wrong, "each change is read in its writer's generation");
	ksft_test_result(book.cur[0] == changes, "none is lost");
	ksft_finished();
}
