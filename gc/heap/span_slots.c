// SPDX-License-Identifier: MIT
#include "span_slots.h"

#include <string.h>

#include "gc_map.h"
#include "prof_cycle.h"
#include "type.h"

#define POISON 0xdb /* what is swept holds, with conf.gc_check */

static char *slot_at(struct span *s, u32 index)
{
	return (char *)span_start(s) + (u64)index * size_classes[s->cls].size;
}

/*
 * Before the slot counts as taken: it is zeroed later, and what a typed slot says of itself is
 * followed by who walks over all objects.
 */
static void forget_type(const struct span *s, void *obj)
{
	WRITE_ONCE(*type_word((uintptr_t)obj, size_classes[s->cls].size), NULL);
	smp_wmb(); /* pairs with check_typed() */
}

/*
 * Mark @n objects of one span, by rising address: one locked instruction for each word of marks.
 * Lock held.
 */
static void mark_objects(void **objs, u32 n)
{
	u64 *word = NULL, bits = 0;

	for (u32 i = 0; i < n; i++) {
		u64 bit, *w = mark_word((uintptr_t)objs[i], &bit);

		if (w != word) {
			if (word)
				__atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
			word = w;
			bits = 0;
		}
		bits |= bit;
	}
	if (word)
		__atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
}

u32 slots_take(struct span *s, void **objs, u32 n, bool black)
{
	u64 *bits = span_bitmap(s), size = size_classes[s->cls].size;
	bool forget = s->kind == GC_TYPED && !s->zero;
	char *start = span_start(s);
	u32 got = 0;

	n = min(n, (u32)s->nfree);
	for (u32 w = 0; got < n; w++, start += BITS_PER_WORD * size) {
		u64 word = bits[w];
		u32 before = got;

		for (; word && got < n; word &= word - 1)
			objs[got++] = start + (u64)__builtin_ctzll(word) * size;
		for (u32 i = before; forget && i < got; i++)
			forget_type(s, objs[i]);
		if (black)
			mark_objects(objs + before, got - before);
		smp_store_release(&bits[w], word); /* pairs with gc_slot_is_free(): marks before */
	}
	s->nfree = (u16)(s->nfree - got);
	return got;
}

void slots_zero(void **objs, u32 n, u64 size)
{
	for (u32 i = 0, end; i < n; i = end) {
		for (end = i + 1;
		     end < n && (char *)objs[end] - (char *)objs[end - 1] == (s64)size;)
			end++;
		memset(objs[i], 0, (end - i) * size);
	}
}

/* Marks are few beside granules, so it goes from mark to mark. */
void slots_gather(const struct span *s, struct slot_marks *m)
{
	const u64 *marks = &gc_marks[((uintptr_t)span_start(s) - space.base) >> GRANULE_SHIFT >> 6];
	u32 granules = s->npages * MARKS_PER_PAGE;
	u64 magic = size_classes[s->cls].magic;

	memset(m->word, 0, DIV_ROUND_UP(s->nobjects, BITS_PER_WORD) * sizeof(u64));
	if (size_classes[s->cls].size == 1 << GRANULE_SHIFT) {
		memcpy(m->word, marks, granules / 8);
		return;
	}
	for (u32 w = 0; w < granules / 64; w++) {
		for (u64 word = marks[w]; word; word &= word - 1) {
			u64 offset = (u64)(w * 64 + (u32)__builtin_ctzll(word)) << GRANULE_SHIFT;
			u32 i = (u32)(offset * magic >> 32);

			m->word[i / 64] |= 1ULL << (i % 64);
		}
	}
}

void slots_clear_marks(struct span *s)
{
	u64 first = ((uintptr_t)span_start(s) - space.base) >> GRANULE_SHIFT;

	memset(&gc_marks[first / 64], 0, (size_t)s->npages * MARKS_PER_PAGE / 8);
}

/* Tell the profile of slots that are found dead; most spans have no sampled one. Lock held. */
static void discount_samples(struct span *s, u32 w, u64 dead)
{
	for (; dead && s->nsampled; dead &= dead - 1) {
		u32 i = w * BITS_PER_WORD + (u32)__builtin_ctzll(dead);

		if (prof_gc_swept(slot_at(s, i)) && s->nsampled < SPAN_SAMPLED_MANY)
			s->nsampled--;
	}
}

/* All but the word of GC_TYPED: a marker with an old reference may still come by. */
static void poison(struct span *s, u32 w, u64 dead)
{
	u32 size = size_classes[s->cls].size;

	for (; dead; dead &= dead - 1) {
		char *p = slot_at(s, w * BITS_PER_WORD + (u32)__builtin_ctzll(dead));

		memset(p, POISON, size);
		if (s->kind == GC_TYPED)
			memset(p + size - sizeof(uintptr_t), 0, sizeof(uintptr_t));
	}
}

u32 slots_sweep(struct span *s, const struct slot_marks *m)
{
	u64 *bits = span_bitmap(s);
	u32 freed = 0;

	for (u32 w = 0; w * BITS_PER_WORD < s->nobjects; w++) {
		u64 dead = ~m->word[w] & ~bits[w] & range_mask(w, 0, (u32)s->nobjects);

		if (!dead)
			continue;
		if (unlikely(s->nsampled))
			discount_samples(s, w, dead);
		if (unlikely(gc.check))
			poison(s, w, dead);
		bits[w] |= dead;
		freed += (u32)__builtin_popcountll(dead);
	}
	slots_clear_marks(s);
	s->nfree = (u16)(s->nfree + freed);
	if (freed)
		s->zero = false;
	return freed;
}
