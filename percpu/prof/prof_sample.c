// SPDX-License-Identifier: MIT
#include "prof_sample.h"

#include "atomic.h"
#include "guard.h"
#include "prof.h"
#include "prof_arm.h"
#include "prof_record.h"
#include "prof_site.h"
#include "prof_slot.h"
#include "prof_stack.h"
#include "space.h"

u64 prof_samples_lost;
u64 prof_peak_step;
void (*prof_peak_hook)(void);

s64 prof_inuse;
static s64 peak; /* highest prof_inuse that the hook was called for; atomic */

static s64 add_inuse(u64 bytes)
{
	return (s64)atomic_add_return(&prof_inuse, (s64)bytes);
}

static void look_for_peak(void (*hook)(void), s64 now)
{
	s64 old = READ_ONCE(peak);

	if (now > old + (s64)READ_ONCE(prof_peak_step) && atomic_cmpxchg(&peak, old, now) == old)
		hook();
}

void prof_count_taken(const struct prof_sample *sample)
{
	void (*hook)(void) = READ_ONCE(prof_peak_hook);

	if (unlikely(hook))
		look_for_peak(hook, add_inuse(prof_sample_bytes(sample)));
}

void prof_count_freed(const struct prof_sample *sample)
{
	if (unlikely(READ_ONCE(prof_peak_hook)))
		add_inuse(-prof_sample_bytes(sample));
}

/* @object has been sampled: keep its record, or for a small one (@in its span) its slot. */
static void taken(const void *object, const struct span *in, struct prof_sample sample,
		  const struct prof_stack *stack)
{
	struct prof_site_book *site = prof_site_get(stack);

	if (!site || (!in && !prof_record_put(object, site, &sample))) {
		atomic_add_return(&prof_samples_lost, 1);
		return;
	}
	if (in)
		*prof_slot_of(in, object) =
			(struct prof_slot){.site = site, .weight = sample.weight};
	prof_site_alloc(site, &sample);
	prof_count_taken(&sample);
}

void prof_freed(const void *object)
{
	struct prof_record r;

	if (!prof_record_take(object, &r))
		return; /* its sample was lost */
	prof_site_freed(r.site, &r.sample);
	prof_count_freed(&r.sample);
}

void prof_small_freed(const struct span *s, const void *object)
{
	struct prof_slot *slot = prof_slot_of(s, object);
	struct prof_sample sample = {.size = size_classes[s->cls].size, .weight = slot->weight};
	struct prof_site_book *site = slot->site;

	if (!site)
		return; /* its sample was lost */
	slot->site = NULL;
	prof_site_freed(site, &sample);
	prof_count_freed(&sample);
}

void *prof_malloc(struct node_heap *nh, u32 cls, u64 rate, size_t size, size_t align)
{
	struct prof_stack stack;
	struct span *in = NULL;
	void *obj;

	prof_stack_capture(&stack);
	obj = guard_malloc(size, align, &stack);
	if (!obj) {
		obj = node_heap_malloc_sampled(nh, cls);
		in = obj ? span_of(obj) : NULL;
	}
	if (obj)
		taken(obj, in,
		      (struct prof_sample){.size = size_classes[cls].size,
					   .weight = prof_odds_of(rate, cls).weight},
		      &stack);
	else
		atomic_add_return(&prof_samples_lost, 1);
	return obj;
}

void *prof_malloc_direct(struct node_heap *nh, u32 cls, size_t size, size_t align)
{
	u64 rate = READ_ONCE(prof_bytes);
	void *obj = NULL;

	if (unlikely(prof_hit(rate, size_classes[cls].size)))
		obj = prof_malloc(nh, cls, rate, size, align);
	return obj ? obj : node_heap_malloc(nh, cls);
}

void prof_large_made(struct span *s)
{
	u64 rate = READ_ONCE(prof_bytes), bytes = span_bytes(s);
	struct prof_stack stack;

	if (likely(!prof_hit(rate, bytes)))
		return;
	s->sampled = true;
	prof_stack_capture(&stack);
	taken(span_start(s), NULL,
	      (struct prof_sample){.size = bytes, .weight = prof_weight(rate, bytes)}, &stack);
}

void prof_large_resized(struct span *s, u64 was)
{
	if (span_bytes(s) == was)
		return;
	/* As if the old one had been freed, so that what it has grown by is found. */
	if (s->sampled)
		prof_freed(span_start(s));
	s->sampled = false;
	prof_large_made(s);
}
