// SPDX-License-Identifier: MIT
/*
 * snapshot.c - a state that really existed, with nobody stopped.
 *
 *	1. flip: hot.gen = a generation that no block carries; full barrier;
 *	   rseq fence. Now every section in flight has committed or restarts and
 *	   loads the new generation. Locked layers that loaded the old one are
 *	   inside a window or a book, which step 2 waits for.
 *	2. read each block and each book:
 *	     in the new generation	-> its baseline, saved when it entered it
 *	     in an older one		-> its present value; nobody can change it
 *					   without rolling first. Read again to see
 *					   that nobody did meanwhile.
 *	3. add up.
 *
 * Why it is a consistent cut. An operation belongs to the generation that it
 * loads between its start and its commit. Let X be counted (old generation) and
 * Y have happened before X. If Y had loaded the new generation, then so would
 * X, which loads later (by coherence of the one variable hot.gen, and through
 * whatever made Y happen before X). So Y is counted. And after step 1 no
 * operation of the old generation can commit, so the set is closed.
 *
 * What moves a batch from one layer to the next is two operations, so a cut may
 * fall between them: the difference of the layers' flows is in_transit. It is
 * never negative, as giving happens before taking.
 *
 * Generations are numbers of 14 bits in blocks. A block keeps an old one while
 * its CPU does nothing; one that falls behind by half the range is rolled by
 * whoever began the generation, reader or tick, through the stop protocol. So
 * none ever meets its own number again. Where membarrier is refused no CPU can be
 * stopped: then numbers that a block still has are passed over.
 */
#include "snapshot.h"

#include <errno.h>

#include "collected.h"
#include "fence.h"
#include "guard.h"
#include "hooks.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "quarantine.h"
#include "reentry.h"
#include "slow_path.h"
#include "space.h"
#include "tally.h"

#define GEN_COUNT (1u << WORD_GEN_BITS)
#define STALE_AFTER (GEN_COUNT / 2)
#define MAX_AGE_MS 60000u

struct snapshot_test snapshot_test;

struct spinlock reader_lock = SPINLOCK_INIT(RANK_READER);
static u64 snapshots; /* taken; reader_lock */
static bool unfenced; /* a flip was refused its fence; reader_lock */
static u64 last_flip; /* ms; snapshot_age() only, under reader_lock, read without */

void snapshot_init(void)
{
	hot.gen = 1ULL << WORD_IDX_BITS;
}

void snapshot_lock(void)
{
	slow_read_begin();
	spin_lock(&reader_lock);
}

void snapshot_unlock(void)
{
	spin_unlock(&reader_lock);
	slow_read_end();
}

/* Of a block's word, in generation @gen: */
typedef bool word_test(u64 word, u64 gen);

/* Its own is so old that its number may come up again. */
static bool is_stale(u64 word, u64 gen)
{
	u32 age = (((u32)gen - word_gen(word)) & WORD_GEN_MASK) >> WORD_IDX_BITS;

	return word_gen(word) != GEN_NEVER && age > STALE_AFTER;
}

/* It has that number. */
static bool has_number(u64 word, u64 gen)
{
	return word_gen(word) == ((u32)gen & WORD_GEN_MASK);
}

/* Inline, and so without a call of @is. */
static __always_inline bool cache_has(struct cpu_cache *cache, word_test *is, u64 gen)
{
	for (u64 used = READ_ONCE(cache->used); used; used &= used - 1) {
		if (is(READ_ONCE(cache_block(cache, (u32)__builtin_ctzll(used))->word), gen))
			return true;
	}
	return false;
}

static __always_inline bool lane_has(struct lane *l, word_test *is, u64 gen)
{
	bool has = false;

	for (u32 rows = lane_rows(l); rows; rows &= rows - 1)
		has |= cache_has(lane_cache(l, (u32)__builtin_ctz(rows)), is, gen);
	for (u32 kind = 0; smp_load_acquire(&l->collected) && kind < COLLECTED_KINDS; kind++)
		has |= cache_has(collected_cache(l, kind), is, gen);
	return has;
}

static bool lane_is_stale(struct lane *l)
{
	return lane_has(l, is_stale, hot.gen);
}

/* A block has the number of @gen: it would seem to have rolled into it. */
static __cold bool is_in_use(u64 gen)
{
	for (u32 i = 0; i < nr_lanes; i++) {
		if (lane_has(&lanes[i], has_number, gen))
			return true;
	}
	return false;
}

static bool may_begin(u64 gen)
{
	return ((u32)gen & WORD_GEN_MASK) != GEN_NEVER && likely(!unfenced || !is_in_use(gen));
}

static void snapshot_flip(void)
{
	u64 gen = hot.gen + WORD_GEN_ONE;

	for (u32 i = 0; i < GEN_COUNT && !may_begin(gen); i++)
		gen += WORD_GEN_ONE;
	WRITE_ONCE(hot.gen, gen);
	smp_mb(); /* pairs with book_begin() and lane_window_open() */
	if (!lanes_locked() && unlikely(!rseq_fence()))
		unfenced = true;
}

/* Roll all blocks of a lane. Inside a slow path. */
static void refresh_lane(struct lane *l)
{
	if (!lanes_stop(&l, 1))
		return;
	lane_window_open(l);
	lane_roll(l);
	lane_window_close(l);
	lanes_start(&l, 1);
}

void snapshot_age(u64 now)
{
	if (now - READ_ONCE(last_flip) < MAX_AGE_MS)
		return;
	slow_read_begin();
	if (!spin_trylock(&reader_lock))
		goto out;
	WRITE_ONCE(last_flip, now);
	snapshot_flip();
	for (u32 i = 0; i < nr_lanes; i++) {
		if (lane_is_stale(&lanes[i]))
			refresh_lane(&lanes[i]);
	}
	spin_unlock(&reader_lock);
out:
	slow_read_end();
}

/* A block at the cut. */
struct block_state {
	u64 word;
	struct block_flow flow;
};

static struct block_flow load_flow(const struct block_flow *f)
{
	return (struct block_flow){.pops = READ_ONCE(f->pops),
				   .in = READ_ONCE(f->in),
				   .out = READ_ONCE(f->out),
				   .refills = READ_ONCE(f->refills),
				   .flushes = READ_ONCE(f->flushes)};
}

static struct block_state read_block(struct cpu_cache *cache, u32 cls)
{
	const struct block_book *book = &cache->book[cls];
	const u64 *word = &cache_block(cache, cls)->word;
	u32 gen = (u32)hot.gen & WORD_GEN_MASK;
	struct block_state s;

	for (;;) {
		s.word = smp_load_acquire(word); /* pairs with the commit of a roll */
		if (word_gen(s.word) == gen && !snapshot_test.plain) {
			s.word = READ_ONCE(book->base_word);
			s.flow = load_flow(&book->base);
			return s;
		}
		s.flow = load_flow(&book->flow[word_flip(s.word)]);
		smp_rmb(); /* pairs with what keeps a change of the flows behind the roll */
		if (READ_ONCE(*word) == s.word || snapshot_test.plain)
			return s;
	}
}

static void read_cache(struct class_tally *by_class, struct lane_cpu_stats *row,
		       struct cpu_cache *cache, bool remote)
{
	/* pairs with use_block(): where the pops began before the bit */
	for (u64 used = smp_load_acquire(&cache->used); used; used &= used - 1) {
		u32 cls = (u32)__builtin_ctzll(used);
		struct class_tally *c = &by_class[cls];
		struct block_state s = read_block(cache, cls);
		u64 pops = s.flow.pops + word_pops(s.word);
		u64 pushes = word_idx(s.word) + pops + s.flow.out - s.flow.in;

		c->mallocs += pops;
		c->frees += pushes;
		c->cpu_cached += word_idx(s.word);
		c->in_transit += s.flow.out - s.flow.in;
		c->refills += s.flow.refills;
		c->flushes += s.flow.flushes;
		row->mallocs += pops;
		row->frees += pushes;
		row->remote_frees += remote ? pushes : 0;
		row->cached += (u64)word_idx(s.word) * size_classes[cls].size;
		row->refills += s.flow.refills;
		row->flushes += s.flow.flushes;
	}
}

/* Collected objects are counted apart: malloc's totals are sums over the CPUs' rows. */
static void read_collected(struct tally *t, struct lane *l)
{
	struct lane_cpu_stats row = {0}; /* of no use */

	for (u32 kind = 0; kind < COLLECTED_KINDS; kind++)
		read_cache(t->home[l->home].collected, &row, collected_cache(l, kind), false);
}

static void read_lane(struct tally *t, struct lane_stats *st, struct lane *l)
{
	struct lane_cpu_stats row = {.cpu = (s32)l->index, .node = node_heaps[l->home]->node};

	row.capacity = (u64)READ_ONCE(l->granted);
	if (!snapshot_test.plain)
		seq_settle(&l->seq);
	for (u32 rows = lane_rows(l); rows; rows &= rows - 1) {
		u32 h = (u32)__builtin_ctz(rows);

		read_cache(t->home[h].cls, &row, lane_cache(l, h), h != l->home);
	}
	tally_cpu(st, &row);
	if (smp_load_acquire(&l->collected)) /* pairs with its making in collected.c */
		read_collected(t, l);
}

static void read_lanes(struct tally *t, struct lane_stats *st)
{
	for (u32 i = 0; i < nr_lanes; i++) {
		struct lane *l = &lanes[i];

		read_lane(t, st, l);
		if (lane_is_stale(l) && slow_enter()) {
			refresh_lane(l);
			slow_exit();
		}
		if (snapshot_test.between_lanes)
			snapshot_test.between_lanes();
	}
}

void snapshot_read_book(struct stat_book *b, u64 *out)
{
	seq_settle(&b->seq);
	book_read(b, snapshot_test.plain ? ~0ULL : hot.gen, out);
}

static void read_class(struct tally *t, struct node_heap *nh, u32 cls)
{
	struct class_tally *c = &t->home[nh->home].cls[cls];
	u64 tr[BOOK_ITEMS], ce[BOOK_ITEMS], sa[BOOK_ITEMS], mallocs, frees;

	snapshot_read_book(&nh->transfer[cls].book, tr);
	snapshot_read_book(&nh->central[cls].book, ce);
	snapshot_read_book(&nh->sampled[cls].book, sa); /* zeroes where there is none */
	mallocs = tr[T_MALLOCS] + ce[C_MALLOCS] + sa[C_MALLOCS];
	frees = tr[T_FREES] + ce[C_FREES] + sa[C_FREES];
	t->direct_mallocs += mallocs;
	t->direct_frees += frees;
	c->mallocs += mallocs;
	c->frees += frees;
	c->spans = ce[C_SPANS_IN] - ce[C_SPANS_OUT] + sa[C_SPANS_IN] - sa[C_SPANS_OUT];
	c->transfer_cached =
		tr[T_CPU_IN] + tr[T_FREES] - tr[T_CPU_OUT] - tr[T_MALLOCS] - tr[T_DRAINED];
	c->central_free = c->spans * size_classes[cls].objects + ce[C_CPU_IN] + ce[C_FREES] +
			  ce[C_DRAINED] - ce[C_CPU_OUT] - ce[C_MALLOCS] + sa[C_FREES] +
			  sa[C_CPU_IN] - sa[C_MALLOCS];
	c->in_transit += tr[T_CPU_OUT] + ce[C_CPU_OUT] - tr[T_CPU_IN] - ce[C_CPU_IN] +
			 tr[T_DRAINED] - ce[C_DRAINED] - sa[C_CPU_IN];
}

static void read_home(struct tally *t, struct node_heap *nh)
{
	struct home_tally *h = &t->home[nh->home];
	u64 p[BOOK_ITEMS], used = READ_ONCE(nh->used), span_bytes = 0;

	for (; used; used &= used - 1) {
		u32 cls = (u32)__builtin_ctzll(used);
		struct class_tally *c = &h->cls[cls];

		read_class(t, nh, cls);
		c->live = c->mallocs - c->frees;
		span_bytes += c->spans * ((u64)size_classes[cls].pages << PAGE_SHIFT);
	}
	snapshot_read_book(&nh->pages.book, p);
	h->opened = p[P_OPENED];
	h->released = p[P_RELEASED];
	h->large_bytes = p[P_LARGE_BYTES];
	h->large_mallocs = p[P_LARGE_MALLOCS];
	h->large_frees = p[P_LARGE_FREES];
	h->large_live = h->large_mallocs - h->large_frees;
	h->held_bytes = p[P_HELD_BYTES];
	/* Never negative: a central list counts a span in after it left the heap, and out before.
	 */
	h->page_free = p[P_OPENED] - p[P_RELEASED] - p[P_LARGE_BYTES] - p[P_HELD_BYTES] -
		       span_bytes - h->collected_bytes;
}

void snapshot_read(struct lane_stats *st)
{
	struct tally *t = tally_begin(st);
	u64 r[BOOK_ITEMS], g[BOOK_ITEMS], m[BOOK_ITEMS];

	if (!snapshot_test.plain)
		snapshot_flip();
	read_lanes(t, st);
	quarantine_read(t);
	if (hooks.snapshot)
		hooks.snapshot(t);
	for (u32 h = 0; h < homes_made(); h++)
		read_home(t, node_heaps[h]);
	snapshot_read_book(&reentry_book, r);
	snapshot_read_book(&guard_book, g);
	t->mapped_mallocs = r[R_MALLOCS] + g[R_MALLOCS];
	t->mapped_frees = r[R_FREES] + g[R_FREES];
	t->mapped_live = t->mapped_mallocs - t->mapped_frees;
	t->mapped_bytes = r[R_BYTES] + g[R_BYTES];
	snapshot_read_book(&meta_book, m);
	/* The pool of guarded objects is set aside as a whole; live ones are in mapped_bytes. */
	t->meta_reserved = m[M_RESERVED] - g[R_BYTES];
	t->meta_mapped = m[M_MAPPED];
	tally_end(t, st);
	st->generation = ++snapshots;
	st->mode = mode;
	st->nr_possible_cpus = nr_lanes;
}

LANE_API int lane_stats_read(struct lane_stats *st)
{
	if (!st || st->sz < sizeof(*st))
		return -EINVAL;
	if (!lane_started())
		return -EAGAIN;
	snapshot_lock();
	snapshot_read(st);
	snapshot_unlock();
	return 0;
}
