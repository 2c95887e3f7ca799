// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/*
 * A memory limit above what lives: the heap grows up to it between cycles, also where what is freed
 * are slots among live ones, which no page goes back for. Memory stays below, and cycles do not
 * follow each other.
 */
#include "nodes.h"

#define SIZE 64u
#define OBJECTS (MIB(32) / SIZE) /* that live */
#define LIMIT MIB(160)
#define ROOM MIB(80)			      /* that is left, and some more */
#define BYTES (MIB(ksft_quick() ? 320 : 640)) /* allocated */

static void **table; /* a root range */

static uint64_t mapped(void)
{
	struct lane_stats st = {.sz = sizeof(st)};

	if (lane_stats_read(&st))
		ksft_exit_fail_msg("lane_stats_read");
	return st.mapped - st.released;
}

static void replace(size_t i)
{
	void *p = lane_gc_alloc_conservative(SIZE);

	if (!p)
		ksft_exit_fail_msg("no memory");
	lane_gc_write(&table[i], p);
}

int main(void)
{
	struct lane_gc_options o = {
		.sz = sizeof(o), .percent = 400, .memory_limit = LIMIT, .min_heap = MIB(1)};
	uint64_t rng = 4711, most = 0, cycles;

	ksft_print_header();
	ksft_set_plan(3);
	gc_begin(&o);
	lane_gc_add_roots(&table, sizeof(table));
	lane_gc_write(&table, lane_gc_alloc_conservative(OBJECTS * sizeof(void *)));
	for (size_t i = 0; i < OBJECTS; i++)
		replace(i);
	cycles = gc_stats().cycles;
	for (uint64_t n = 0; n < BYTES / SIZE; n++) {
		replace(ksft_random(&rng) % OBJECTS);
		if (n % 16384 == 0)
			most = mapped() > most ? mapped() : most;
	}
	cycles = gc_stats().cycles - cycles;
	ksft_test_result(cycles <= 2 * BYTES / ROOM, "%llu cycles for %llu MiB",
			 (unsigned long long)cycles, (unsigned long long)BYTES >> 20);
	ksft_test_result(most >= LIMIT / 4 * 3, "it uses what the limit leaves");
	ksft_test_result(most <= LIMIT + LIMIT / 32, "%llu MiB mapped at most, of %llu",
			 (unsigned long long)most >> 20, (unsigned long long)LIMIT >> 20);
	ksft_finished();
}
