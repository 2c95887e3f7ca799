// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock
/*
 * A burst leaves one object in each of many spans, and from then on each is
 * replaced by another now and then, as a server's sessions are. The spans do
 * not stay sparse: the live objects gather in few of them, and the rest goes
 * back, while nothing grows or shrinks.
 */
#include "unit.h"

#include "node_heap.h"
#include "os.h"
#include "release.h"
#include "size_class.h"
#include "slow_path.h"

#define LIVE 10000u
#define SPREAD 50u /* one of so many objects of the burst stays */
#define LIVES 12u  /* so often each is replaced in the mean */
#define TICKS 10u  /* in a life */

static const size_t sizes[] = {48, 416, 1280};

static void *live[LIVE];
static u64 now; /* ms, as Lane sees it */

static u64 made_up_clock(void)
{
	return now;
}

static u64 spans_of(size_t size)
{
	u64 spans = 0;

	for (u32 h = 0; h < homes_made(); h++) {
		const u64 *n = node_heaps[h]->central[size_to_class((u32)size)].book.cur;

		spans += n[C_SPANS_IN] - n[C_SPANS_OUT];
	}
	return spans;
}

static void burst(size_t size, uint64_t *rng)
{
	static void *all[LIVE * SPREAD];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		all[i] = lane_malloc(size);
	for (size_t i = 0; i < ARRAY_SIZE(all); i += SPREAD) {
		size_t stays = ksft_random(rng) % SPREAD;

		for (size_t k = 0; k < SPREAD; k++) {
			if (k == stays)
				live[i / SPREAD] = all[i + k];
			else
				lane_free(all[i + k]);
		}
	}
}

static void replace(size_t size, unsigned int n, uint64_t *rng)
{
	while (n--) {
		void **slot = &live[ksft_random(rng) % LIVE];
		void *fresh = lane_malloc(size);

		lane_free(*slot);
		*slot = fresh;
	}
}

static bool gather(size_t size, uint64_t *rng)
{
	u64 before, after,
		least = DIV_ROUND_UP(LIVE, size_classes[size_to_class((u32)size)].objects);

	burst(size, rng);
	before = spans_of(size);
	for (unsigned int i = 0; i < LIVES * TICKS; i++) {
		replace(size, LIVE / TICKS, rng);
		now += 100;
		release_tick(now);
	}
	after = spans_of(size);
	ksft_print_msg("%zu bytes: %llu spans, then %llu; %llu would do", size,
		       (unsigned long long)before, (unsigned long long)after,
		       (unsigned long long)least);
	for (size_t i = 0; i < LIVE; i++)
		lane_free(live[i]);
	/* A quarter of the objects may be free, and what caches hold lies anywhere. */
	return before > 4 * least && after <= 2 * least;
}

int main(void)
{
	uint64_t rng = ksft_seed();

	now = os.now_ms();
	os.now_ms = made_up_clock;
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(sizes) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		ksft_test_result(gather(sizes[i], &rng), "objects of %zu bytes gather in few spans",
				 sizes[i]);
	ksft_test_result(unit_books_right(), "the books are right");
	ksft_finished();
}
