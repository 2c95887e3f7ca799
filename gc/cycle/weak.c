// SPDX-License-Identifier: MIT
/*
 * weak.c - references that do not keep what they refer to.
 *
 *	phase		lane_gc_weak_get()
 *	OFF, SWEEP	the object: the next marking begins with a grace period, and then
 *			finds it on the stack
 *	MARK		the object, shaded
 *	TERM		the object if it is marked; else it waits for the end of TERM, which
 *			is near: marking may go on and find the object after all
 *
 * The phase is loaded inside gc_enter(). TERM begins with a grace period, after which
 * the coordinator looks whether something was shaded (cycle.c): so weak_clear() sees
 * the marks of all that was got before.
 */
#include <errno.h>

#include "backoff.h"
#include "gc_map.h"
#include "mark.h"
#include "roots.h"
#include "slow_path.h"
#include "threads.h"

static struct cell_pool weaks;

LANE_API struct lane_gc_weak *lane_gc_weak_create(void *obj)
{
	struct cell *c = NULL;

	if (slow_enter()) {
		spin_lock(&roots_lock);
		c = cell_get(&weaks);
		spin_unlock(&roots_lock);
		slow_exit();
	}
	if (!c) {
		errno = ENOMEM;
		return NULL;
	}
	/* The caller's own reference keeps @obj until it is here: it is on a stack. */
	smp_store_release(&c->obj, obj);
	return (struct lane_gc_weak *)c;
}

/* One look; false where it cannot be said now. */
static bool get(struct gc_thread *t, struct cell *c, void **obj)
{
	struct gc_object o;
	bool known = true;
	u32 phase;

	gc_enter(t);
	phase = smp_load_acquire(&gc.phase); /* before the cell; pairs with terminate() */
	*obj = READ_ONCE(c->obj);
	if (*obj && phase == GC_MARK)
		mark_shade((uintptr_t)*obj);
	else if (*obj && phase == GC_TERM)
		known = gc_find((uintptr_t)*obj, &o) && mark_test(o.start);
	gc_exit(t);
	return known;
}

LANE_API void *lane_gc_weak_get(struct lane_gc_weak *w)
{
	struct gc_thread *t = thread_self("weak reference");
	u32 turn = 0;
	void *obj;

	if (!t)
		return NULL;
	while (!get(t, (struct cell *)w, &obj))
		backoff(&turn);
	return obj;
}

LANE_API void lane_gc_weak_destroy(struct lane_gc_weak *w)
{
	if (!w)
		return;
	slow_enter_always();
	spin_lock(&roots_lock);
	cell_put(&weaks, (struct cell *)w);
	spin_unlock(&roots_lock);
	slow_exit();
}

static void clear_cell(struct cell *c)
{
	void *obj = READ_ONCE(c->obj);
	struct gc_object o;

	/* By exchange: it may be destroyed, and made anew for another object, meanwhile. */
	if (obj && gc_find((uintptr_t)obj, &o) && !mark_test(o.start))
		atomic_cmpxchg(&c->obj, obj, NULL);
}

/* A fork waits for one block at most. */
void weak_clear(void)
{
	for (struct cell_block *b = smp_load_acquire(&weaks.blocks); b; b = b->next) {
		slow_enter_always();
		for (u32 i = 0; i < CELLS; i++)
			clear_cell(&b->cell[i]);
		slow_exit();
	}
}
