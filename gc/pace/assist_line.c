// SPDX-License-Identifier: MIT
#include "assist_line.h"

/* How far the worst case is taken for true: a fraction. */
static u64 doubt(const struct assist_cycle *c, const struct assist_now *now, u64 goal)
{
	u64 by_work =
		fixed_ratio(sub_floor(now->scan_work, c->expected), c->expected / LINE_SURE + 1);
	u64 by_heap = fixed_ratio(sub_floor(now->heap_live, goal), goal / LINE_DOUBT + 1);

	return min(max(by_work, by_heap), FIXED_ONE);
}

/*
 * The goal as this cycle has it. What has been scanned lives, so the goal may be what
 * a commit would make of it; only so far is the user's percentage kept.
 */
static u64 proven_goal(const struct assist_cycle *c, const struct assist_now *now)
{
	u64 proven = mul_div(now->scan_work, 100 + (u64)c->percent, 100);

	return max(c->goal, min(proven, c->most));
}

struct assist_aim assist_aim(const struct assist_cycle *c, const struct assist_now *now)
{
	u64 most_left = sub_floor(now->scannable, now->scan_work);
	u64 left = max(sub_floor(c->expected, now->scan_work), now->scan_work / LINE_TAIL);
	u64 room = sub_floor(c->goal, c->trigger), highest, heap, x;

	left = min(left, most_left);
	/*
	 * More work than expected, at the same slope: the goal moves along, as far as live
	 * memory allows. For the tail it may always: that is room that is only used where
	 * the work has not ended at the goal.
	 */
	highest = max(proven_goal(c, now), c->goal + room / LINE_TAIL);
	heap = c->trigger + mul_div(room, now->scan_work + left, max(c->expected, 1ULL));
	heap = clamp(heap, c->goal, highest);
	x = doubt(c, now, highest);
	return (struct assist_aim){
		.heap = fixed_blend(heap, highest + highest / LINE_CEILING, x),
		.work = now->scan_work + fixed_blend(left, most_left, x),
	};
}

struct assist_ratio assist_slope(const struct assist_cycle *c, const struct assist_now *now,
				 struct assist_aim aim)
{
	u64 pool = now->pool > 0 ? (u64)now->pool : 0;
	u64 work = sub_floor(aim.work, now->scan_work) + pool;
	u64 heap = sub_floor(aim.heap, now->heap_live);
	u64 most = mul_div(now->scannable + pool, LINE_STEEPEST * FIXED_ONE, max(c->goal, 1ULL));
	u64 ratio = min(fixed_ratio(work, heap), most);

	ratio = clamp(ratio, ASSIST_RATIO_LEAST, ASSIST_RATIO_MOST);
	return (struct assist_ratio){ratio, fixed_ratio(FIXED_ONE, ratio)};
}

u64 assist_required(const struct assist_now *now, struct assist_ratio ratio, u64 heap)
{
	u64 pool = now->pool > 0 ? min((u64)now->pool, now->scan_work) : 0;

	return now->scan_work - pool +
	       fixed_mul(sub_floor(heap, now->heap_live), ratio.work_per_byte);
}
