// SPDX-License-Identifier: MIT
#include "release_pace.h"

/* Of @amount, @dt_ms / @delay_ms: a third is left after the delay, a percent after 5 of them. */
static u64 decay(u64 amount, u64 dt_ms, u64 delay_ms)
{
	return dt_ms >= delay_ms ? amount : amount / delay_ms * dt_ms;
}

u64 pace_tick(struct release_pace *p, u64 free, u64 in_use, u64 dt_ms, struct release_conf conf)
{
	u64 floor = min(p->floor, free), by_time, allowed, by_amount;

	by_time = decay(floor, dt_ms, conf.delay_ms);
	/* Small amounts end, too. */
	if (by_time)
		by_time = max(by_time, min(floor, HUGE_SIZE));
	p->recent -= decay(p->recent, dt_ms, conf.delay_ms);
	p->floor = free;
	allowed = pace_allowed(p, in_use, conf.slack) - min(p->regret, by_time);
	by_amount = free > allowed ? min(free - allowed, floor) : 0;
	p->slow = by_time;
	p->due = max(by_time, by_amount);
	return p->due;
}
