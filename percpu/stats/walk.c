// SPDX-License-Identifier: MIT
/*
 * walk.c - the slow cross-check: what the heap itself holds, counted with the
 * locks taken and no book looked at. The counterpart of snapshot.c; in a quiet
 * process both agree to the object.
 *
 * All lanes are stopped in turn, so a busy process yields a sum of moments; a
 * consistent one is the snapshot's business.
 */
#include <errno.h>

#include "collected.h"
#include "guard.h"
#include "hooks.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "quarantine.h"
#include "reentry.h"
#include "slow_path.h"
#include "snapshot.h"
#include "space.h"
#include "tally.h"

/* What is cached is counted apart; capacity is granted to a lane for both. */
static void walk_collected(struct tally *t, struct lane_cpu_stats *row, struct lane *l)
{
	for (u32 kind = 0; l->collected && kind < COLLECTED_KINDS; kind++) {
		struct cpu_cache *cache = collected_cache(l, kind);

		for (u64 used = cache->used; used; used &= used - 1) {
			u32 cls = (u32)__builtin_ctzll(used);

			t->home[l->home].collected[cls].cpu_cached +=
				word_idx(cache_block(cache, cls)->word);
			row->capacity += (u64)READ_ONCE(cache_block(cache, cls)->cap) *
					 size_classes[cls].size;
		}
	}
}

static int walk_lane(struct tally *t, struct lane_stats *st, struct lane *l)
{
	struct lane_cpu_stats row = {.cpu = (s32)l->index, .node = node_heaps[l->home]->node};

	if (!READ_ONCE(l->rows) && !READ_ONCE(l->collected)) {
		tally_cpu(st, &row);
		return 0;
	}
	if (!lanes_stop(&l, 1))
		return -EPERM;
	for (u32 rows = l->rows; rows; rows &= rows - 1) {
		u32 h = (u32)__builtin_ctz(rows);
		struct cpu_cache *cache = lane_cache(l, h);

		for (u64 used = cache->used; used; used &= used - 1) {
			u32 cls = (u32)__builtin_ctzll(used);
			u32 n = word_idx(cache_block(cache, cls)->word);

			t->home[h].cls[cls].cpu_cached += n;
			row.cached += (u64)n * size_classes[cls].size;
			row.capacity += (u64)READ_ONCE(cache_block(cache, cls)->cap) *
					size_classes[cls].size;
		}
	}
	walk_collected(t, &row, l);
	lanes_start(&l, 1);
	tally_cpu(st, &row);
	return 0;
}

static void walk_span(struct home_tally *h, const struct span *s)
{
	struct class_tally *c;

	u8 state = READ_ONCE(s->state);

	if (state == SPAN_LARGE && s->held) {
		h->held_bytes += span_bytes(s);
	} else if (state == SPAN_LARGE) {
		h->large_live++;
		h->large_bytes += span_bytes(s);
	} else if (state == SPAN_SMALL) {
		c = &h->cls[s->cls];
		c->spans++;
		c->central_free += bits_weight(span_bitmap((struct span *)s), 0, s->nobjects);
		c->live += s->nobjects;
	}
}

static void walk_pages(struct home_tally *h, struct page_heap *ph)
{
	u64 page = (u64)ph->home << (HOME_SHIFT - PAGE_SHIFT);

	spin_lock(&ph->lock);
	h->opened = (u64)ph->opened << HUGE_SHIFT;
	for (u32 i = 0; i < ph->opened; i++) {
		const struct huge_page *hp = &ph->huge[i];
		u32 released = bits_weight(hp->released, 0, HUGE_PAGES);
		u32 used = bits_weight(hp->used, 0, HUGE_PAGES);

		h->released += (u64)released << PAGE_SHIFT;
		h->page_free += (u64)(HUGE_PAGES - used - released) << PAGE_SHIFT;
	}
	for (u64 p = page; p < page + (u64)ph->opened * HUGE_PAGES;) {
		const struct span *s = &space.spans[p];
		u8 state = READ_ONCE(s->state);

		walk_span(h, s);
		p += state == SPAN_FREE || state == SPAN_TAIL ? 1 : s->npages;
	}
	spin_unlock(&ph->lock);
}

static void lock_centrals(struct central *c, u64 used)
{
	for (u32 cls = 1; cls < NR_CLASSES; cls++) {
		if (used >> cls & 1)
			spin_lock(&c[cls].lock);
	}
}

static void unlock_centrals(struct central *c, u64 used)
{
	for (u32 cls = NR_CLASSES; cls-- > 1;) {
		if (used >> cls & 1)
			spin_unlock(&c[cls].lock);
	}
}

static void walk_home(struct tally *t, struct node_heap *nh)
{
	struct home_tally *h = &t->home[nh->home];

	/* No class is made meanwhile: that takes this lock. */
	spin_lock(&nh->class_lock);
	for (u32 cls = 1; cls < NR_CLASSES; cls++) {
		struct transfer *tr = &nh->transfer[cls];

		if (!(nh->used >> cls & 1))
			continue;
		spin_lock(&tr->lock);
		h->cls[cls].transfer_cached = tr->count;
		spin_unlock(&tr->lock);
	}
	/* Bitmaps change under these. */
	lock_centrals(nh->central, nh->used);
	lock_centrals(nh->sampled, nh->sampled_used);
	walk_pages(h, &nh->pages);
	unlock_centrals(nh->sampled, nh->sampled_used);
	unlock_centrals(nh->central, nh->used);
	for (u32 cls = NR_CLASSES; cls-- > 1;) {
		struct class_tally *c = &h->cls[cls];

		if (!(nh->used >> cls & 1))
			continue;
		c->live -= c->central_free + c->transfer_cached + c->cpu_cached + c->quarantine;
	}
	spin_unlock(&nh->class_lock);
}

LANE_API int lane_stats_walk(struct lane_stats *st)
{
	struct tally *t;
	u64 guarded;
	int err = 0;

	if (!st || st->sz < sizeof(*st))
		return -EINVAL;
	if (!lane_started())
		return -EAGAIN;
	snapshot_lock();
	if (!slow_enter()) {
		snapshot_unlock();
		return -EBUSY;
	}
	t = tally_begin(st);
	for (u32 i = 0; i < nr_lanes && !err; i++)
		err = walk_lane(t, st, &lanes[i]);
	quarantine_walk(t);
	for (u32 h = 0; h < homes_made(); h++)
		walk_home(t, node_heaps[h]);
	if (hooks.walk)
		hooks.walk(t);
	t->mapped_live = reentry_live(&t->mapped_bytes) + guard_live(&guarded);
	t->mapped_bytes += guarded;
	t->meta_reserved = READ_ONCE(meta_book.cur[M_RESERVED]) - guarded; /* as in snapshot.c */
	t->meta_mapped = READ_ONCE(meta_book.cur[M_MAPPED]);
	tally_end(t, st);
	st->mode = mode;
	st->nr_possible_cpus = nr_lanes;
	slow_exit();
	snapshot_unlock();
	return err;
}
