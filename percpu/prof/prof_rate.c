// SPDX-License-Identifier: MIT
/*
 * prof_rate.c - the heap profile on, off, or at another rate.
 *
 *	lock				one change at a time (RANK_PROF_RATE)
 *	prof_bytes = new		for trials, and for caches that begin
 *	for each set of lanes:
 *		stop			nobody pops there
 *		cache->rate = new, each used block begins anew
 *		start
 *
 * So each cache changes at one instant, and every pop of it is sampled by the
 * rate that it had. A block or cache whose first use comes between takes its
 * lane's lock, before us and is changed, or after us and finds the new rate.
 *
 * Where a set cannot be stopped, all get the old rate again, or if that fails, too, whatever rate
 * is set next.
 */
#include <errno.h>
#include <lane/lane_prof.h>

#include "collected.h"
#include "fence.h"
#include "lanes.h"
#include "prof.h"
#include "prof_arm.h"
#include "slow_path.h"
#include "space.h"

u64 prof_bytes;
u64 prof_one_rate;

static struct spinlock rate_lock = SPINLOCK_INIT(RANK_PROF_RATE);
static bool mixed; /* some lanes have another rate than prof_bytes; rate_lock */

static void rearm_cache(struct cpu_cache *c, u64 rate)
{
	c->rate = rate;
	for (u64 used = c->used; used; used &= used - 1) {
		u32 cls = (u32)__builtin_ctzll(used);

		block_arm_locked(c, cls, prof_start(rate, cls));
	}
}

static void rearm_lane(struct lane *l, u64 rate)
{
	struct cpu_cache *c;

	lane_window_open(l);
	if (l->rows >> l->home & 1) {
		c = lane_cache(l, l->home);
		rearm_cache(c, rate);
	}
	collected_set_rate(l, rate);
	lane_window_close(l);
}

/* False: some have the rate that they had. */
static bool rearm_lanes(u64 rate)
{
	struct lane *set[LANE_STOP_MAX];
	u32 n;

	for (u32 i = 0; i < nr_lanes; i += n) {
		n = min(nr_lanes - i, LANE_STOP_MAX);
		for (u32 k = 0; k < n; k++)
			set[k] = &lanes[i + k];
		if (!lanes_stop(set, n))
			return false;
		for (u32 k = 0; k < n; k++)
			rearm_lane(set[k], rate);
		lanes_start(set, n);
	}
	return true;
}

static int change_rate(u64 rate)
{
	u64 old = prof_bytes;

	if (rate == old && !mixed)
		return 0;
	if (!lanes_locked() && !rseq_fence())
		return -EPERM; /* nothing has changed yet */
	if (rate && rate != prof_one_rate)
		WRITE_ONCE(prof_one_rate, prof_one_rate ? ~0ULL : rate);
	prof_odds_set(rate);
	/* After prof_one_rate: check_path.h takes it that none is sampled while that is 0. */
	smp_store_release(&prof_bytes, rate);
	mixed = !rearm_lanes(rate);
	if (!mixed)
		return 0;
	prof_odds_set(old);
	WRITE_ONCE(prof_bytes, old);
	mixed = !rearm_lanes(old);
	return -EPERM;
}

int prof_set_rate(u64 bytes)
{
	int err;

	if (!prof_rate_good(bytes))
		return -EINVAL;
	if (!lane_started())
		return -EAGAIN;
	if (!slow_enter())
		return -EBUSY;
	spin_lock(&rate_lock);
	err = change_rate(bytes);
	spin_unlock(&rate_lock);
	slow_exit();
	return err;
}

u64 prof_rate(void)
{
	return READ_ONCE(prof_bytes);
}

LANE_API int lane_prof_set_rate(size_t bytes)
{
	return prof_set_rate(bytes);
}

LANE_API size_t lane_prof_rate(void)
{
	return prof_rate();
}
