// SPDX-License-Identifier: MIT
#include "prof_cycle.h"

#include "atomic.h"
#include "meta.h"
#include "prof_arm.h"
#include "prof_record.h"
#include "prof_sample.h"
#include "prof_site.h"
#include "slow_path.h"

struct spinlock prof_read_lock = SPINLOCK_INIT(RANK_PROF_READ);
struct prof_cycle_test prof_cycle_test;

static u64 cycle;     /* written by prof_cycle_next(), read with a site's lock held */
static u64 published; /* prof_read_lock */

/* The cycle's set number @ahead from now on, site's lock held; NULL: no memory. */
static struct prof_counts *future_of(struct prof_site_book *site, u64 now, u32 ahead)
{
	size_t bytes = PROF_CYCLES * sizeof(*site->future);

	if (unlikely(!site->future)) {
		struct prof_counts *future = meta_alloc(bytes, CACHE_LINE);

		if (!future)
			return NULL;
		prof_site_count_memory(bytes);
		smp_store_release(&site->future, future); /* pairs with prof_read() */
	}
	return &site->future[(now + ahead) % PROF_CYCLES];
}

static bool count(struct prof_site_book *site, const struct prof_sample *sample, u32 ahead,
		  bool freed)
{
	void (*loaded)(void) = READ_ONCE(prof_cycle_test.loaded);
	const bool early = READ_ONCE(prof_cycle_test.early);
	u64 now = READ_ONCE(cycle);
	struct prof_counts *c;

	if (unlikely(loaded))
		loaded();
	prof_site_begin(site);
	/* The flush of the cycle that is loaded here waits for this lock. */
	if (likely(!early))
		now = READ_ONCE(cycle);
	c = future_of(site, now, ahead);
	if (c)
		prof_sum_add(freed ? &c->freed : &c->alloc, sample);
	prof_site_end(site);
	return c;
}

u64 prof_gc_due(u64 size)
{
	u64 rate = READ_ONCE(prof_bytes);

	return prof_hit(rate, size) ? rate : 0;
}

bool prof_gc_alloc(const void *object, u64 size, u64 rate, const struct prof_stack *stack)
{
	struct prof_sample sample = {.size = size, .weight = prof_weight(rate, size)};
	struct prof_site_book *site;
	struct prof_stack own;

	if (!stack) {
		prof_stack_capture(&own);
		stack = &own;
	}
	site = prof_site_get(stack);
	if (site && prof_record_put(object, site, &sample)) {
		struct prof_record r;

		if (count(site, &sample, 2, false)) {
			prof_count_taken(&sample);
			return true;
		}
		prof_record_take(object, &r);
	}
	atomic_add_return(&prof_samples_lost, 1);
	return false;
}

static bool freed(const void *object, u32 ahead)
{
	struct prof_record r;

	if (!prof_record_take(object, &r))
		return false;
	count(r.site, &r.sample, ahead, true);
	prof_count_freed(&r.sample);
	return true;
}

bool prof_gc_free(const void *object)
{
	return freed(object, 2);
}

bool prof_gc_swept(const void *object)
{
	return freed(object, unlikely(prof_cycle_test.swept_late) ? 2 : 1);
}

void prof_cycle_next(void)
{
	if (unlikely(READ_ONCE(published) != cycle))
		prof_cycle_flush();
	WRITE_ONCE(cycle, cycle + 1);
}

static void flush_site(struct prof_site_book *site, u64 now)
{
	prof_site_begin(site);
	if (site->future) {
		struct prof_counts *from = &site->future[now % PROF_CYCLES];

		prof_sum_move(&site->active.alloc, &from->alloc);
		prof_sum_move(&site->active.freed, &from->freed);
	}
	prof_site_end(site);
	if (unlikely(prof_cycle_test.between_sites))
		prof_cycle_test.between_sites();
}

void prof_cycle_flush(void)
{
	u64 now = READ_ONCE(cycle);

	slow_read_begin();
	spin_lock(&prof_read_lock);
	if (published != now) {
		for (struct prof_site_book *s = prof_site_first(); s; s = s->next_all)
			flush_site(s, now);
		WRITE_ONCE(published, now);
	}
	spin_unlock(&prof_read_lock);
	slow_read_end();
}

u64 prof_cycle_published(void)
{
	return READ_ONCE(published);
}
