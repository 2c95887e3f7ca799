// SPDX-License-Identifier: MIT
#include "pacer.h"

#define HEADROOM_LEAST (1ULL << 20) /* bytes kept free below the memory limit, */
#define HEADROOM_PART 32u	    /* or so much of it */
#define LATE_ROOM 32u
#define CONS_MARK_MOST (FIXED_ONE << 16)
#define BUSY_MOST (FIXED_ONE / 16 * 15) /* more of the CPUs than that nobody's measuring tells */

static u64 min_heap(const struct pacer *p)
{
	return p->percent < 0 ? 0 : mul_div(p->min_heap, (u64)p->percent, 100);
}

/* Other roots than the heap's own. */
static u64 outside(const struct pacer *p)
{
	return p->heap.stack + p->heap.roots;
}

/*
 * What the memory limit leaves to collected objects. Free slots and free pages are for them. But
 * where more is mapped than the limit they were not: so much less remains.
 */
static u64 limit_goal(const struct pacer *p)
{
	u64 headroom = max(HEADROOM_LEAST, p->limit / HEADROOM_PART);
	u64 beyond = sub_floor(p->heap.mapped, p->limit);

	if (p->limit == PACER_NO_LIMIT)
		return PACER_NO_GOAL;
	return sub_floor(p->limit, p->heap.other + beyond + headroom);
}

/* What marking found; the rest of what is marked was allocated meanwhile. */
static u64 found(const struct pacer_heap *h)
{
	return h->marked - min(h->fresh, h->marked);
}

/*
 * By growth above @live. What was allocated during the cycle is kept whether it lives or
 * not, and is no measure of what lives: with it in the base, a heap that is marked while half
 * of it is new would grow to three times its live size. But where that leaves no room, a
 * quarter of the growth is allowed, so that cycles do not follow each other at once.
 */
static u64 percent_goal(const struct pacer *p, u64 live)
{
	u64 growth, least = min_heap(p);

	if (p->percent < 0)
		return PACER_NO_GOAL;
	growth = mul_div(live + outside(p), (u64)p->percent, 100);
	growth = min(max(live + growth, p->heap.marked + growth / 4), PACER_NO_GOAL);
	return max(growth, least + least / 4);
}

static u64 within_limit(const struct pacer *p, u64 goal)
{
	return max(min(goal, limit_goal(p)), p->heap.marked);
}

/* Work of the next cycle, as far as is known; 0: nothing is. */
static u64 expected_work(const struct pacer *p)
{
	return p->heap.scan + outside(p);
}

/* The same, if new objects live as they did. */
static u64 grown_work(const struct pacer *p)
{
	return mul_div(p->heap.scan, p->live, max(found(&p->heap), 1ULL)) + outside(p);
}

static u64 cons_mark(const struct pacer *p)
{
	u64 most = 0;

	for (u32 i = 0; i < PACER_HISTORY; i++)
		most = max(most, p->cons_mark[i]);
	return most;
}

/* Bytes allocated while workers alone, with a @share of the CPUs, do the expected work. */
static u64 runway(const struct pacer *p, u64 share)
{
	u64 per_work = mul_div(cons_mark(p), FIXED_ONE - share, share);

	return fixed_mul(expected_work(p), per_work);
}

/*
 * How far on the way of @room from marked to the goal marking starts: so that workers end at the
 * goal, but not before half of the way, as what is allocated while marking outlives the cycle. A
 * program that allocates so fast that all of their share would need more than that has assists in
 * any case, and half of the way only makes more cycles: it starts later, up to 0.7.
 *
 * Not after nine tenths: then a byte costs 10 bytes of scanning at most, at 100 percent, when a
 * program that did little suddenly does much.
 */
static u64 start_at(const struct pacer *p, u64 room)
{
	u64 needed = fixed_ratio(p->runway, max(room, 1ULL)), fast;

	if (needed <= PACER_TRIGGER_LEAST)
		return min(FIXED_ONE - needed, PACER_TRIGGER_MOST);
	fast = min(fixed_ratio(runway(p, PACER_SHARE), max(room, 1ULL)), FIXED_ONE);
	fast = sub_floor(fast, PACER_TRIGGER_LEAST);
	return PACER_TRIGGER_LEAST + fixed_mul(fixed_mul(fast, fast), PACER_TRIGGER_FAST);
}

/*
 * The goal is what the heap may come to if new objects live as they did. That they still do
 * is a guess, and a program that was filling a table and now serves requests makes it a
 * wrong one. So marking starts, and is to end, as if none of them lived; where it then
 * finds that they do, that proves the goal (assist_line.c).
 */
static void set_goal(struct pacer *p)
{
	u64 goal = within_limit(p, percent_goal(p, p->live)), room, trigger;

	WRITE_ONCE(p->sure, within_limit(p, percent_goal(p, found(&p->heap))));
	room = p->sure - p->heap.marked;
	p->runway = runway(p, p->share);
	trigger = p->heap.marked + fixed_mul(room, start_at(p, room));
	WRITE_ONCE(p->goal, goal);
	WRITE_ONCE(p->trigger, min(max(trigger, min_heap(p)), p->sure));
}

static void publish(struct pacer *p)
{
	struct assist_ratio ratio = assist_slope(&p->line, &p->now, assist_aim(&p->line, &p->now));

	WRITE_ONCE(p->ratio.work_per_byte, ratio.work_per_byte);
	WRITE_ONCE(p->ratio.bytes_per_work, ratio.bytes_per_work);
}

/*
 * The goal moved, or a cycle starts. A heap that is beyond its end already, because the user
 * lowered the goal or the limit is below what lives, gets some room all the same: without
 * it each byte would cost the most there is.
 */
static void set_line(struct pacer *p, u64 heap_live)
{
	p->line.goal = p->sure > heap_live ? p->sure : heap_live + heap_live / LATE_ROOM;
	p->line.most = limit_goal(p);
	p->line.percent = p->percent < 0 ? 0 : (u32)p->percent;
}

static void set_again(struct pacer *p)
{
	set_goal(p);
	if (p->marking) {
		set_line(p, p->now.heap_live);
		publish(p);
	}
}

void pacer_init(struct pacer *p, int percent, u64 limit, u64 least, u32 cpus)
{
	*p = (struct pacer){
		.percent = percent,
		.limit = limit,
		.min_heap = least,
		.cpus = max(cpus, 1u),
		.share = PACER_SHARE,
		.growth = FIXED_ONE,
	};
	set_goal(p);
}

void pacer_set_percent(struct pacer *p, int percent)
{
	p->percent = percent;
	set_again(p);
}

void pacer_set_limit(struct pacer *p, u64 limit)
{
	p->limit = limit;
	set_again(p);
}

void pacer_start_cycle(struct pacer *p, const struct assist_now *now)
{
	u64 expected = expected_work(p) ? grown_work(p) : now->scannable;

	p->marking = true;
	p->line.trigger = now->heap_live;
	p->line.expected = min(expected, now->scannable);
	set_line(p, now->heap_live);
	pacer_revise(p, now);
}

void pacer_revise(struct pacer *p, const struct assist_now *now)
{
	p->now = *now;
	publish(p);
}

/*
 * Bytes allocated in a ns of the program's CPU time, by bytes scanned in a ns of the
 * collector's. A cycle that scanned nothing, or took no time, says nothing.
 */
static void learn_cons_mark(struct pacer *p, const struct pacer_cycle *seen, u64 wall_ns)
{
	u64 allocated = sub_floor(seen->heap_live, p->line.trigger), busy, value;

	busy = fixed_ratio(seen->background_ns + seen->assist_ns, wall_ns);
	busy = min(busy, BUSY_MOST);
	if (!seen->scan_work || !busy)
		return;
	value = mul_div(fixed_ratio(allocated, seen->scan_work),
			busy + fixed_ratio(seen->idle_ns, wall_ns), FIXED_ONE - busy);
	p->cons_mark[p->cycles % PACER_HISTORY] = min(value, CONS_MARK_MOST);
	p->cycles++;
}

void pacer_end_cycle(struct pacer *p, const struct pacer_cycle *seen)
{
	u64 wall_ns = seen->duration_ns * p->cpus, share;

	p->marking = false;
	if (!wall_ns)
		return;
	learn_cons_mark(p, seen, wall_ns);
	share = fixed_ratio(seen->background_ns, wall_ns);
	share = clamp(share, PACER_LEAST_SHARE, PACER_SHARE);
	p->share = (p->share + share) / 2;
}

/*
 * Live memory found now less live memory found before, by what was allocated between:
 * 0 in a program that keeps its size, 1 in one that frees nothing.
 */
static u64 measured_growth(const struct pacer *p, const struct pacer_heap *h)
{
	u64 before = found(&p->heap), allocated = sub_floor(p->line.trigger, before);

	return min(fixed_ratio(sub_floor(found(h), before), max(allocated, 1ULL)), FIXED_ONE);
}

void pacer_commit_goal(struct pacer *p, const struct pacer_heap *h)
{
	p->growth = measured_growth(p, h);
	p->heap = *h;
	p->live = found(h) + fixed_mul(min(h->fresh, h->marked), p->growth);
	set_goal(p);
}
