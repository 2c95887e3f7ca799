// SPDX-License-Identifier: MIT
#include "prof_odds.h"

#include "barrier.h"
#include "size_class.h"

static struct {
	u32 seq;
	u64 rate;
	struct prof_odds of[NR_CLASSES];
} odds;

static struct prof_odds work_out(u64 rate, u32 cls)
{
	return (struct prof_odds){.mean = prof_mean(rate, size_classes[cls].size),
				  .weight = prof_weight(rate, size_classes[cls].size)};
}

struct prof_odds prof_odds_of(u64 rate, u32 cls)
{
	u32 seq = smp_load_acquire(&odds.seq); /* pairs with the end of prof_odds_set() */
	u64 is = READ_ONCE(odds.rate);
	struct prof_odds o = {.mean = READ_ONCE(odds.of[cls].mean),
			      .weight = READ_ONCE(odds.of[cls].weight)};

	smp_rmb(); /* pairs with the beginning of prof_odds_set() */
	if (likely(is == rate && !(seq & 1) && READ_ONCE(odds.seq) == seq))
		return o;
	return work_out(rate, cls);
}

void prof_odds_set(u64 rate)
{
	if (!rate)
		return;
	WRITE_ONCE(odds.seq, odds.seq + 1);
	smp_wmb(); /* pairs with prof_odds_of(): odd before anything changes */
	WRITE_ONCE(odds.rate, rate);
	for (u32 cls = 1; cls < NR_CLASSES; cls++) {
		struct prof_odds o = work_out(rate, cls);

		WRITE_ONCE(odds.of[cls].mean, o.mean);
		WRITE_ONCE(odds.of[cls].weight, o.weight);
	}
	smp_store_release(&odds.seq, odds.seq + 1); /* pairs with prof_odds_of() */
}
