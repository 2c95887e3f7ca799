// SPDX-License-Identifier: MIT
/*
 * table.c - hash tables: open addressing, keys and values alternating in one collected array.
 *
 * The array is a T_SLOTS, all of whose words are references. Each store into it is a
 * lane_gc_write(), the ones that fill a new array while a table grows included: the old array may
 * have been marked already, or never will be, and the new one may have been marked while it was
 * empty. Whoever copies without the barrier loses the entry.
 *
 * A value is stored before its key: who finds the key without a lock finds a value.
 */
#include "lisp.h"

/* Index of the key; or, negative and less one, of the slot where it would go. */
static int64_t find(struct words *slots, val key, bool eq)
{
	size_t cap = slots->len / 2;
	size_t i = hash(key, eq) & (cap - 1);
	int64_t free = -1;

	for (size_t n = 0; n < cap; n++, i = (i + 1) & (cap - 1)) {
		val k = slots->w[2 * i];

		if (!k)
			return free >= 0 ? -free - 1 : -(int64_t)i - 1;
		if (k == TOMBSTONE) {
			if (free < 0)
				free = i;
		} else if (k == key || (!eq && equal(k, key))) {
			return i;
		}
	}
	return -free - 1;
}

static void grow(struct table *t)
{
	struct words *old = t->slots;
	size_t cap = old->len / 2;
	struct words *slots = make_words(T_SLOTS, 2 * (2 * t->count > cap ? 2 * cap : cap));
	size_t count = 0;

	for (size_t i = 0; i < cap; i++) {
		val key = old->w[2 * i];
		int64_t to;

		if (!key || key == TOMBSTONE)
			continue;
		to = -find(slots, key, t->eq) - 1;
		if (to < 0)
			continue; /* there twice, by threads without a lock */
		lane_gc_write(&slots->w[2 * to + 1], old->w[2 * i + 1]);
		lane_gc_write(&slots->w[2 * to], key);
		count++;
	}
	t->count = t->used = count;
	lane_gc_write(&t->slots, slots);
}

val table_get(struct table *t, val key, val otherwise)
{
	struct words *slots = t->slots;
	int64_t i = find(slots, key, t->eq);

	return i < 0 ? otherwise : slots->w[2 * i + 1];
}

void table_put(struct table *t, val key, val value)
{
	struct words *slots;
	int64_t i;

	if (4 * (t->used + 1) > 3 * (size_t)(((struct words *)t->slots)->len / 2))
		grow(t);
	slots = t->slots;
	i = find(slots, key, t->eq);
	if (i >= 0) {
		lane_gc_write(&slots->w[2 * i + 1], value);
		return;
	}
	i = -i - 1;
	if (!slots->w[2 * i])
		t->used++;
	t->count++;
	lane_gc_write(&slots->w[2 * i + 1], value);
	lane_gc_write(&slots->w[2 * i], key);
}

bool table_remove(struct table *t, val key)
{
	struct words *slots = t->slots;
	int64_t i = find(slots, key, t->eq);

	if (i < 0)
		return false;
	lane_gc_write(&slots->w[2 * i], TOMBSTONE);
	lane_gc_write(&slots->w[2 * i + 1], NULL);
	t->count--;
	return true;
}

/* lane_gc_clear() shades what it removes; memset() would hide it from a marking that is under way.
 */
void table_clear(struct table *t)
{
	struct words *slots = t->slots;

	lane_gc_clear(slots->w, slots->len * sizeof(val));
	t->count = t->used = 0;
}
