// SPDX-License-Identifier: MIT
#include "stat.h"

#include "backoff.h"

void seq_settle(const u32 *seq)
{
	u32 inside = smp_load_acquire(seq); /* pairs with book_end() */
	u32 turn = 0;

	if (!(inside & 1))
		return;
	while (smp_load_acquire(seq) == inside)
		backoff(&turn);
}

void book_read(const struct stat_book *b, u64 gen, u64 *out)
{
	if (smp_load_acquire(&b->gen) != gen) { /* pairs with book_begin() */
		for (int i = 0; i < BOOK_ITEMS; i++)
			out[i] = READ_ONCE(b->cur[i]);
		smp_rmb(); /* pairs with the smp_wmb() in book_begin(): a change is preceded by gen
			    */
		if (READ_ONCE(b->gen) != gen)
			return;
		smp_rmb();
	}
	for (int i = 0; i < BOOK_ITEMS; i++)
		out[i] = READ_ONCE(b->base[i]);
}
