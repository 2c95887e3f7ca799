// SPDX-License-Identifier: MIT
#include "pack_pace.h"

#define BEGIN_SHARE 6u	  /* of the objects are free */
#define END_SHARE 12u	  /* likewise */
#define PROGRESS_SHARE 8u /* of the free ones are gone; or have come, and all is new */
#define LIVES 2u	  /* so often the live ones may pass without progress */

static void expect_progress(struct pack_pace *p, const struct pack_view *v)
{
	p->from = v->free;
	p->goal = v->free - v->free / PROGRESS_SHARE;
	p->deadline = v->passed + LIVES * (v->objects - v->free);
}

static bool begins(struct pack_pace *p, const struct pack_view *v, u64 now)
{
	if (now < p->rest_until || v->free < v->worth || v->free <= v->objects / BEGIN_SHARE)
		return false;
	expect_progress(p, v);
	return true;
}

static bool goes_on(struct pack_pace *p, const struct pack_view *v, u64 now)
{
	if (v->free < v->worth / 2 || v->free < v->objects / END_SHARE) {
		p->rest = 0;
		return false;
	}
	if (v->free <= p->goal) {
		p->rest = 0;
		expect_progress(p, v);
		return true;
	}
	/* What a burst gives back passes, too, and is no failure. */
	if (v->free > p->from + p->from / PROGRESS_SHARE)
		expect_progress(p, v);
	if (v->passed < p->deadline)
		return true;
	p->rest = p->rest ? min(2 * p->rest, PACK_REST_MAX_MS) : PACK_REST_MS;
	p->rest_until = now + p->rest;
	return false;
}

bool pack_pace_tick(struct pack_pace *p, const struct pack_view *v, u64 now)
{
	p->on = p->on ? goes_on(p, v, now) : begins(p, v, now);
	return p->on;
}
