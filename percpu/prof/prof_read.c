// SPDX-License-Identifier: MIT
/*
 * prof_read.c - the heap profile for its readers: each site read whole, by its
 * sequence count. The lock that is held keeps a flush of collected objects away,
 * and no allocating thread ever waits for it.
 */
#include "backoff.h"
#include "prof.h"
#include "prof_arm.h"
#include "prof_cycle.h"
#include "prof_record.h"
#include "prof_sample.h"
#include "prof_site.h"
#include "prof_slot.h"
#include "slow_path.h"

static struct prof_sum load_sum(const struct prof_sum *s)
{
	return (struct prof_sum){.raw_objects = READ_ONCE(s->raw_objects),
				 .raw_bytes = READ_ONCE(s->raw_bytes),
				 .objects = READ_ONCE(s->objects),
				 .fraction = READ_ONCE(s->fraction),
				 .bytes = READ_ONCE(s->bytes)};
}

static void add_sum(struct prof_sum *to, const struct prof_sum *from)
{
	struct prof_sum s = load_sum(from);

	prof_sum_move(to, &s);
}

/* With @all also what is not published; see prof_cycle.h. */
static struct prof_counts load_once(const struct prof_site_book *b, bool all)
{
	/* pairs with future_of(): zeroes before the pointer */
	const struct prof_counts *future = smp_load_acquire(&b->future);
	struct prof_counts c = {.alloc = load_sum(&b->active.alloc),
				.freed = load_sum(&b->active.freed)};

	for (u32 i = 0; all && future && i < PROF_CYCLES; i++) {
		add_sum(&c.alloc, &future[i].alloc);
		add_sum(&c.freed, &future[i].freed);
	}
	return c;
}

static struct prof_counts load_counts(const struct prof_site_book *b, bool all)
{
	struct prof_counts c;
	u32 seq, turn = 0;

	for (;;) {
		seq = smp_load_acquire(&b->seq); /* pairs with prof_site_end() */
		if (!(seq & 1)) {
			c = load_once(b, all);
			smp_rmb(); /* pairs with prof_site_begin() */
			if (READ_ONCE(b->seq) == seq)
				return c;
		}
		backoff(&turn);
	}
}

/* The nearest whole number of objects. */
static u64 whole(u64 objects, u64 fraction)
{
	return objects + (fraction >> (PROF_WEIGHT_SHIFT - 1) & 1);
}

static struct prof_site read_site(const struct prof_site_book *b, bool all)
{
	struct prof_counts c = load_counts(b, all);
	u64 borrow = c.freed.fraction > c.alloc.fraction;
	u64 fraction = c.alloc.fraction - c.freed.fraction + (borrow << PROF_WEIGHT_SHIFT);

	return (struct prof_site){
		.depth = b->depth,
		.pc = b->pc,
		.raw_alloc_objects = c.alloc.raw_objects,
		.raw_alloc_bytes = c.alloc.raw_bytes,
		.raw_inuse_objects = c.alloc.raw_objects - c.freed.raw_objects,
		.raw_inuse_bytes = c.alloc.raw_bytes - c.freed.raw_bytes,
		.alloc_objects = whole(c.alloc.objects, c.alloc.fraction),
		.alloc_bytes = c.alloc.bytes,
		.inuse_objects = whole(c.alloc.objects - c.freed.objects - borrow, fraction),
		.inuse_bytes = c.alloc.bytes - c.freed.bytes,
	};
}

u32 prof_read(void (*row)(void *arg, const struct prof_site *site), void *arg)
{
	u32 rows = 0;
	bool all;

	slow_read_begin();
	spin_lock(&prof_read_lock);
	all = prof_cycle_published() < PROF_CYCLE_WHOLE;
	for (const struct prof_site_book *b = prof_site_first(); b; b = b->next_all) {
		struct prof_site site = read_site(b, all);

		row(arg, &site);
		rows++;
	}
	spin_unlock(&prof_read_lock);
	slow_read_end();
	return rows;
}

void prof_totals(struct prof_totals *t)
{
	*t = (struct prof_totals){
		.rate = READ_ONCE(prof_bytes),
		.one_rate = READ_ONCE(prof_one_rate) == ~0ULL ? 0 : READ_ONCE(prof_one_rate),
		.samples_lost = READ_ONCE(prof_samples_lost),
		.sites = prof_site_number(),
		.metadata = prof_site_memory() + prof_record_memory() + prof_slots_memory(),
	};
	for (const struct prof_site_book *b = prof_site_first(); b; b = b->next_all) {
		struct prof_counts c = load_counts(b, true);

		t->samples += c.alloc.raw_objects;
		t->inuse_bytes += c.alloc.bytes - c.freed.bytes;
	}
}
