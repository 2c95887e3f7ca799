// SPDX-License-Identifier: MIT
#include "release.h"

#include "conf.h"
#include "lanes.h"
#include "node_heap.h"
#include "os.h"
#include "slow_path.h"
#include "snapshot.h"
#include "space.h"

#define TICK_MS 100u
#define POLL_EVERY 64u	/* slow paths between two looks at the clock */
#define CACHE_TICKS 10u /* caches are looked at every second */
#define IDLE_LOOKS 2u	/* a lane seen twice without an operation is drained */
#define SLACK_SHARE 8u	/* free memory beyond 1/8 of what is in use does not wait */

static struct spinlock release_lock = SPINLOCK_INIT(RANK_RELEASE);
static u64 last_tick; /* ms; written under release_lock, read without */
static u64 ticks;     /* release_lock */

u64 release_want(u64 free, u64 floor, u64 in_use, u64 dt_ms, u64 delay_ms, u64 slack)
{
	u64 allowed = slack + in_use / SLACK_SHARE, by_time, by_amount;

	floor = min(floor, free);
	/* Of what nobody needed, dt/delay each tick: a third is left after delay_ms, a percent
	 * after 5. */
	by_time = !delay_ms || dt_ms >= delay_ms ? floor : floor / delay_ms * dt_ms;
	if (by_time)
		by_time = max(by_time, min(floor, HUGE_SIZE));
	by_amount = free > allowed ? min(free - allowed, floor) : 0;
	return max(by_time, by_amount);
}

static void release_heap(struct page_heap *ph, u64 dt)
{
	u64 free, floor, in_use, want;

	spin_lock(&ph->lock);
	free = page_heap_backed_free(ph);
	floor = ph->floor_bytes;
	ph->floor_bytes = free;
	in_use = ph->book.cur[P_OPENED] - ph->book.cur[P_RELEASED] - free;
	spin_unlock(&ph->lock);
	want = release_want(free, floor, in_use, dt, conf.release_delay_ms, conf.release_slack);
	if (want)
		page_heap_release(ph, want);
}

/* True for a lane that has cached something and done nothing for a while. */
static bool lane_is_idle(struct lane *l)
{
	u64 sum = 0, cached = 0;

	for (u32 rows = READ_ONCE(l->rows); rows; rows &= rows - 1) {
		struct cpu_cache *c = lane_cache(l, (u32)__builtin_ctz(rows));

		for (u64 used = READ_ONCE(c->used); used; used &= used - 1) {
			u32 cls = (u32)__builtin_ctzll(used);
			u64 word = READ_ONCE(cache_block(c, cls)->word);

			sum += (word & ~(u64)WORD_GEN_MASK) * (cls + 1);
			cached += word_idx(word);
		}
	}
	if (sum != l->activity || !cached) {
		l->activity = sum;
		l->idle_looks = 0;
		return false;
	}
	return ++l->idle_looks >= IDLE_LOOKS;
}

static void tick_inside(u64 now)
{
	u64 dt = now - last_tick;

	WRITE_ONCE(last_tick, now);
	ticks++;
	if (ticks % CACHE_TICKS == 0) {
		lanes_drain(lane_is_idle);
		for (u32 h = 0; h < nr_homes; h++)
			node_heap_plunder(node_heaps[h]);
	}
	for (u32 h = 0; h < nr_homes; h++)
		release_heap(&node_heaps[h]->pages, dt);
}

static void tick(u64 now)
{
	if (now - READ_ONCE(last_tick) < TICK_MS)
		return;
	snapshot_age(now);
	if (!spin_trylock(&release_lock))
		return;
	if (now - last_tick >= TICK_MS)
		tick_inside(now);
	spin_unlock(&release_lock);
}

void release_poll(void)
{
	static u32 calls; /* racy: only how often the clock is read depends on it */
	u32 n = READ_ONCE(calls) + 1;

	WRITE_ONCE(calls, n);
	if (n % POLL_EVERY)
		return;
	tick(os.now_ms());
}

void release_tick(u64 now)
{
	if (!slow_enter())
		return;
	tick(now);
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
	for (u32 h = 0; h < nr_homes; h++)
		node_heap_drain(node_heaps[h]);
}

u64 release_now(u64 bytes)
{
	u64 released = 0;

	if (!lane_started() || !slow_enter())
		return 0;
	if (bytes == UINT64_MAX)
		release_caches();
	for (u32 h = 0; h < nr_homes && released < bytes; h++)
		released += page_heap_release(&node_heaps[h]->pages, bytes - released);
	slow_exit();
	return released;
}
