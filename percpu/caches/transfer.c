// SPDX-License-Identifier: MIT
#include "transfer.h"

#include <string.h>

#include "bug.h"
#include "meta.h"
#include "size_class.h"

void transfer_init(struct transfer *t)
{
	spin_lock_init(&t->lock, RANK_TRANSFER);
}

static void count(struct transfer *t, int item, u32 n)
{
	book_begin(&t->book);
	book_add(&t->book, item, n);
	book_end(&t->book);
}

u32 transfer_get(struct transfer *t, void **objs, u32 n, enum object_user user)
{
	if (!READ_ONCE(t->count)) /* a miss needs no lock; one that is just being put is missed */
		return 0;
	spin_lock(&t->lock);
	n = min(n, t->count);
	if (n) {
		WRITE_ONCE(t->count, t->count - n);
		t->low = min(t->low, t->count);
		memcpy(objs, t->slot + t->count, n * sizeof(*objs));
		count(t, user == USER_CPU ? T_CPU_OUT : T_MALLOCS, n);
	}
	spin_unlock(&t->lock);
	return n;
}

u32 transfer_put(struct transfer *t, u32 cls, void **objs, u32 n, enum object_user user)
{
	u32 limit = size_classes[cls].transfer, room;

	spin_lock(&t->lock);
	if (!t->slot) {
		t->slot = meta_alloc(limit * sizeof(*t->slot), CACHE_LINE);
		if (!t->slot)
			limit = 0; /* no memory: the central list takes them all */
	}
	room = min(n, limit - t->count);
	if (room) {
		memcpy(t->slot + t->count, objs + n - room, room * sizeof(*objs));
		WRITE_ONCE(t->count, t->count + room);
		count(t, user == USER_CPU ? T_CPU_IN : T_FREES, room);
	}
	spin_unlock(&t->lock);
	return room;
}

u32 transfer_drain(struct transfer *t, void **objs, u32 n, bool all)
{
	if (!READ_ONCE(t->count))
		return 0;
	spin_lock(&t->lock);
	n = min(n, all ? t->count : t->low);
	if (n) {
		/* The oldest ones, at the bottom, are the least likely to be in any CPU's memory.
		 */
		memcpy(objs, t->slot, n * sizeof(*objs));
		memmove(t->slot, t->slot + n, (t->count - n) * sizeof(*objs));
		WRITE_ONCE(t->count, t->count - n);
		t->low = all ? min(t->low, t->count) : t->low - n;
		count(t, T_DRAINED, n);
	}
	if (!all && !t->low)
		t->low = t->count; /* a new interval begins */
	spin_unlock(&t->lock);
	return n;
}
