// SPDX-License-Identifier: MIT
#include "release.h"

#include "conf.h"
#include "lanes.h"
#include "node_heap.h"
#include "os.h"
#include "pack.h"
#include "slow_path.h"
#include "snapshot.h"
#include "space.h"

#define TICK_MS 100u
#define LATE_MS 1000u	   /* a background thread that has not ticked for so long is helped */
#define POLL_EVERY 64u	   /* slow paths between two looks at the clock */
#define CACHE_TICKS 10u	   /* caches are looked at every second */
#define MAX_AGE_MS 60000u  /* of a generation */
#define WATCH_DELAYS 5u	   /* of release_delay_ms since the last release: a percent is left */
#define WATCH_MIN_MS 3000u /* at least: idle lanes are drained by then */
#define WATCH_TICK 10000u  /* mallocs watched from one tick to the next: below 1% of 100 ms */
#define WATCH_SURPLUS 256u /* and after a surplus, next to which they cost nothing */
#define IDLE_LOOKS 2u	   /* a lane that does next to nothing between them is drained */

bool release_threaded;

static struct spinlock release_lock = SPINLOCK_INIT(RANK_RELEASE);
static u64 last_tick;	 /* ms; written under release_lock, read without */
static u64 last_release; /* ms; the last tick that returned something; release_lock */
static u64 ticks;	 /* release_lock */
static u64 last_look;	 /* ms; at the clock, by a slow path; racy hint */
static u32 first_home;	 /* whose turn it is; release_lock */
static bool pieces_left; /* of the last tick; written under release_lock, read without */
static u32 watched;	 /* mallocs that are still led through the slow path; racy hint */

/* What is due, until @until (os.now_ns()); *@left where more is. Returns bytes released. */
static u64 release_heap(struct page_heap *ph, u64 until, bool *left)
{
	u64 want, got;

	spin_lock(&ph->lock);
	want = ph->pace.due;
	spin_unlock(&ph->lock);
	if (!want)
		return 0;
	got = page_heap_release(ph, want, until);
	spin_lock(&ph->lock);
	pace_gone(&ph->pace, got, !got || (got < want && os.now_ns() < until));
	*left |= ph->pace.due != 0;
	spin_unlock(&ph->lock);
	return got;
}

/* What a free left beyond the allowance. */
static void release_surplus(struct page_heap *ph)
{
	u64 want, got;

	spin_lock(&ph->lock);
	want = pace_surplus(&ph->pace, page_heap_backed_free(ph), page_heap_in_use(ph),
			    READ_ONCE(conf.release_slack));
	pace_released(&ph->pace, want);
	spin_unlock(&ph->lock);
	if (!want)
		return;
	got = page_heap_release(ph, want, UINT64_MAX);
	if (got >= want)
		return;
	spin_lock(&ph->lock);
	/* What is not here any more another thread took, or gave back meanwhile. */
	pace_refused(&ph->pace, min(want - got, page_heap_backed_free(ph)));
	spin_unlock(&ph->lock);
}

/* Operations on a block so far, and objects in it; a hint, read without a snapshot. */
static u64 block_operations(struct cpu_cache *c, u32 cls, u64 *cached)
{
	u64 word = READ_ONCE(cache_block(c, cls)->word);
	const struct block_flow *f = &c->book[cls].flow[word_flip(word)];
	u64 pops = READ_ONCE(f->pops) + word_pops(word);

	*cached += word_idx(word);
	return 2 * pops + word_idx(word) + READ_ONCE(f->out) - READ_ONCE(f->in);
}

/*
 * True for a lane that for a while has done less than a quarter as much as it
 * has cached. Not nothing at all: a timer's few objects must not keep the rest.
 */
static bool lane_is_idle(struct lane *l)
{
	u64 operations = 0, cached = 0, done;

	for (u32 rows = lane_rows(l); rows; rows &= rows - 1) {
		struct cpu_cache *c = lane_cache(l, (u32)__builtin_ctz(rows));

		for (u64 used = READ_ONCE(c->used); used; used &= used - 1)
			operations += block_operations(c, (u32)__builtin_ctzll(used), &cached);
	}
	done = operations - l->operations;
	l->operations = operations;
	l->idle_looks = done < max(cached / 4, 1ULL) ? min(l->idle_looks + 1, IDLE_LOOKS) : 0;
	return cached && l->idle_looks == IDLE_LOOKS;
}

/*
 * Lead mallocs by what @watched says now. Others change it meanwhile, to 0 and from it: whoever did
 * looks again, so that the last one that leads has seen the last number. Or all mallocs might take
 * the slow path with nobody who counts them.
 */
static void lead(void)
{
	bool on;

	do {
		/* The change of it, by the caller, before the lead; pairs with the second one. */
		smp_mb();
		on = READ_ONCE(watched) != 0;
		lanes_watch_mallocs(on);
		/* The lead before the second look: pairs with the first one of who changes it. */
		smp_mb();
	} while ((READ_ONCE(watched) != 0) != on);
}

/*
 * Memory went back, so there may be more to return. A process that has become
 * quiet, such as a server with a timer, does not leave the fast path and would
 * never tick again. So for a while all mallocs are led through the slow path,
 * which looks at the clock; but no more than so many between two ticks, that a
 * busy process does not feel it.
 */
static void watch(u32 mallocs)
{
	if (READ_ONCE(release_threaded))
		return;
	WRITE_ONCE(watched, max(READ_ONCE(watched), mallocs));
	lead();
}

static bool watching(void)
{
	u32 left = READ_ONCE(watched);

	if (!left)
		return false;
	WRITE_ONCE(watched, left - 1);
	if (left == 1)
		lead();
	return true;
}

/* What is to go by this tick, and all else that has its time. */
static void tick_inside(u64 now, u64 until)
{
	struct release_conf c = {.delay_ms = READ_ONCE(conf.release_delay_ms),
				 .slack = READ_ONCE(conf.release_slack)};
	u64 dt = now - last_tick;

	WRITE_ONCE(last_tick, now);
	ticks++;
	if (ticks % CACHE_TICKS == 0) {
		lanes_drain(lane_is_idle);
		for (u32 h = 0; h < homes_made(); h++)
			node_heap_plunder(node_heaps[h]);
	}
	for (u32 h = 0; h < homes_made(); h++) {
		struct page_heap *ph = &node_heaps[h]->pages;

		pack_tick(node_heaps[h], now);
		page_heap_rejoin(ph, until);
		spin_lock(&ph->lock);
		pace_tick(&ph->pace, page_heap_backed_free(ph), page_heap_in_use(ph), dt, c);
		spin_unlock(&ph->lock);
	}
}

/* What ticks have left, until @until; each heap in turn is the first, or others had no time. */
static void release_due(u64 now, u64 until)
{
	u32 homes = homes_made();
	bool left = false;

	first_home++;
	for (u32 i = 0; i < homes; i++) {
		if (release_heap(&node_heaps[(first_home + i) % homes]->pages, until, &left))
			last_release = now;
	}
	WRITE_ONCE(pieces_left, left);
}

/* ms; another thread may have seen a later time. */
static u64 elapsed(u64 from, u64 now)
{
	return now > from ? now - from : 0;
}

/* A tick where the last was @every ms ago, and until @until what ticks have left. */
static void tick(u64 now, u64 every, u64 until)
{
	bool due = elapsed(READ_ONCE(last_tick), now) >= every;

	if (due)
		snapshot_age(now);
	else if (!READ_ONCE(pieces_left))
		return;
	if (!spin_trylock(&release_lock))
		return;
	due = elapsed(last_tick, now) >= every;
	if (due)
		tick_inside(now, until);
	release_due(now, until);
	if (due && elapsed(last_release, now) <
			   max(WATCH_DELAYS * READ_ONCE(conf.release_delay_ms), WATCH_MIN_MS))
		watch(WATCH_TICK);
	spin_unlock(&release_lock);
}

/* By a thread that came for something else. */
static void look(void)
{
	u64 now = os.now_ms(), since = elapsed(READ_ONCE(last_look), now);

	WRITE_ONCE(last_look, now);
	if (since)
		tick(now, READ_ONCE(release_threaded) ? LATE_MS : TICK_MS,
		     os.now_ns() + pace_piece(since));
}

/*
 * The flag is cleared under the lock and looked at again after it, so that what
 * is freed meanwhile by a thread that finds the lock taken is not forgotten.
 */
static void release_surpluses(void)
{
	while (READ_ONCE(page_heap_surplus) && spin_trylock(&release_lock)) {
		WRITE_ONCE(page_heap_surplus, false);
		for (u32 h = 0; h < homes_made(); h++)
			release_surplus(&node_heaps[h]->pages);
		watch(WATCH_SURPLUS);
		spin_unlock(&release_lock);
		smp_mb(); /* pairs with the trylock of a thread that set the flag and failed */
	}
}

void release_poll(bool large)
{
	static u32 calls; /* racy: only how often the clock is read depends on it */
	u32 n = READ_ONCE(calls) + 1;

	if (unlikely(READ_ONCE(page_heap_surplus)) && !READ_ONCE(release_threaded))
		release_surpluses();
	WRITE_ONCE(calls, n);
	if (watching() || large || n % POLL_EVERY == 0)
		look();
}

void release_tick(u64 now)
{
	if (!slow_enter())
		return;
	tick(now, TICK_MS, UINT64_MAX);
	slow_exit();
}

static bool any_lane(struct lane *l)
{
	(void)l;
	return true;
}

void release_caches(void)
{
	lanes_drain(any_lane);
	for (u32 h = 0; h < homes_made(); h++)
		node_heap_drain(node_heaps[h]);
}

u64 release_now(u64 bytes)
{
	u64 released = 0;

	if (!lane_started() || !slow_enter())
		return 0;
	if (bytes == UINT64_MAX)
		release_caches();
	for (u32 h = 0; h < homes_made() && released < bytes; h++)
		released += page_heap_release(&node_heaps[h]->pages, bytes - released, UINT64_MAX);
	slow_exit();
	return released;
}
