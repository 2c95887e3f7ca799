// SPDX-License-Identifier: MIT
#include "central.h"

#include "bug.h"
#include "check.h"
#include "errors.h"
#include "meta.h"
#include "node_heap.h"
#include "prof_slot.h"
#include "space.h"

#define PREFETCH_STRIDE 8u

void central_init(struct central *c, bool sampled)
{
	spin_lock_init(&c->lock, RANK_CENTRAL);
	c->sampled = sampled;
	for (u32 i = 0; i < CENTRAL_LISTS; i++)
		CDS_INIT_LIST_HEAD(&c->list[i]);
}

static struct central *central_for(struct node_heap *nh, u32 cls, int user)
{
	return user == USER_SAMPLED || user == CENTRAL_FROM_HELD ? &nh->sampled[cls]
								 : &nh->central[cls];
}

static u8 list_for(const struct span *s)
{
	if (!s->nfree)
		return SPAN_UNLISTED;
	return (u8)(31 - __builtin_clz(s->nfree));
}

static void unlist_span(struct central *c, struct span *s)
{
	if (s->list == SPAN_UNLISTED)
		return;
	cds_list_del(&s->link);
	if (cds_list_empty(&c->list[s->list]))
		c->listed &= ~(1u << s->list);
	s->list = SPAN_UNLISTED;
}

/* Move @s to the list where its count of free objects belongs. */
static void relist_span(struct central *c, struct span *s)
{
	u8 to = list_for(s);

	if (to == s->list)
		return;
	unlist_span(c, s);
	if (to == SPAN_UNLISTED)
		return;
	cds_list_add(&s->link, &c->list[to]);
	c->listed |= 1u << to;
	s->list = to;
}

/* Up to @n objects of @s into @objs, by rising address. */
static u32 take_objects(struct span *s, void **objs, u32 n)
{
	const u64 size = size_classes[s->cls].size;
	u64 *bits = span_bitmap(s);
	char *start = span_start(s);
	u32 got = 0;

	n = min(n, (u32)s->nfree);
	for (u32 w = 0; got < n; w++, start += size * BITS_PER_WORD) {
		u64 word = bits[w];

		if (word == ~0ULL && n - got >= BITS_PER_WORD) {
			for (u32 i = 0; i < BITS_PER_WORD; i++)
				objs[got + i] = start + i * size;
			got += BITS_PER_WORD;
			word = 0;
		}
		for (; word && got < n; word &= word - 1)
			objs[got++] = start + (u32)__builtin_ctzll(word) * size;
		bits[w] = word;
	}
	s->nfree = (u16)(s->nfree - got);
	return got;
}

/* Slots that the list has to spare, emptied, or NULL. Lock held. */
static struct prof_slot *get_slots(struct central *c)
{
	struct prof_slot *slots = c->spare;

	if (slots) {
		c->spare = (struct prof_slot *)slots->site;
		slots->site = NULL;
	}
	return slots;
}

static void put_slots(struct central *c, struct prof_slot *slots)
{
	slots->site = (struct prof_site_book *)c->spare;
	c->spare = slots;
}

/*
 * A span of @cls with all objects free, not yet SPAN_SMALL nor in a list; NULL: no memory.
 * With @slots, which may be NULL, where it is for sampled objects.
 */
static struct span *new_span(struct node_heap *nh, u32 cls, bool sampled, struct prof_slot *slots)
{
	const struct size_class *sc = &size_classes[cls];
	struct span *s;
	u64 *more = NULL;
	u64 page;

	if (span_bits_outside(sc->objects, sampled)) {
		more = meta_bitmap_get();
		if (!more)
			return NULL;
	}
	s = page_heap_alloc(&nh->pages, sc->pages, 1, USE_SMALL);
	if (!s) {
		if (more)
			meta_bitmap_put(more);
		return NULL;
	}
	s->cls = (u8)cls;
	s->sampled = sampled;
	s->list = SPAN_UNLISTED;
	s->nobjects = sc->objects;
	s->nfree = sc->objects;
	for (u32 w = 0; w < SPAN_INLINE_WORDS; w++)
		s->bits[w] = 0;
	if (more)
		s->more_bits = more;
	if (sampled)
		s->slots = slots;
	bits_set(span_bitmap(s), 0, sc->objects);
	if (unlikely(check.map))
		check_span_made(s);
	page = span_page(s);
	for (u32 i = 0; i < sc->pages; i++) {
		if (i) {
			space.spans[page + i].back = i;
			WRITE_ONCE(space.spans[page + i].state, SPAN_TAIL);
		}
		/* free() finds the class here once an object of the span has been handed out. */
		if (!sampled)
			WRITE_ONCE(space.pagemap[page + i], block_of(nh->home, cls));
	}
	return s;
}

/* Give an empty span, SPAN_FREE and in no list, back to the page heap. */
static void free_span(struct node_heap *nh, struct span *s)
{
	u64 page = span_page(s);

	for (u32 i = 0; i < s->npages; i++) {
		WRITE_ONCE(space.pagemap[page + i], 0);
		WRITE_ONCE(space.spans[page + i].state, SPAN_FREE);
	}
	if (span_has_more_bits(s))
		meta_bitmap_put(s->more_bits);
	page_heap_free(&nh->pages, s, USE_SMALL);
}

/* A new span of @c, whose lock is held and is dropped meanwhile. */
static struct span *fresh_span(struct node_heap *nh, u32 cls, struct central *c)
{
	struct prof_slot *slots = NULL;
	struct span *s = NULL;

	if (c->sampled)
		slots = get_slots(c);
	spin_unlock(&c->lock);
	if (c->sampled && !slots)
		slots = prof_slots_make(size_classes[cls].objects);
	if (!c->sampled || slots)
		s = new_span(nh, cls, c->sampled, slots);
	spin_lock(&c->lock);
	if (slots && !s)
		put_slots(c, slots);
	return s;
}

u32 central_get(struct node_heap *nh, u32 cls, void **objs, u32 n, enum object_user user)
{
	struct central *c = central_for(nh, cls, user);
	struct span *fresh = NULL;
	u32 got = 0, spans = 0;

	spin_lock(&c->lock);
	for (;;) {
		while (got < n && c->listed) {
			u32 l = (u32)__builtin_ctz(c->listed);
			struct span *s = cds_list_first_entry(&c->list[l], struct span, link);

			got += take_objects(s, objs + got, n - got);
			if (s == c->whole)
				c->whole = NULL;
			relist_span(c, s);
		}
		if (got || spans)
			break;
		/* One new span serves; what is missing of @n is not worth another. */
		fresh = fresh_span(nh, cls, c);
		if (!fresh) {
			spin_unlock(&c->lock);
			return 0;
		}
		spans = 1;
		WRITE_ONCE(fresh->state, SPAN_SMALL);
		relist_span(c, fresh);
	}
	book_begin(&c->book);
	book_add(&c->book, C_SPANS_IN, spans);
	book_add(&c->book, user == USER_CPU ? C_CPU_OUT : C_MALLOCS, got);
	book_end(&c->book);
	spin_unlock(&c->lock);
	return got;
}

/* The span that a small object lies in. */
static struct span *object_span(const void *obj)
{
	struct span *s = &space.spans[addr_to_page(obj)];

	return READ_ONCE(s->state) == SPAN_TAIL ? s - s->back : s;
}

/*
 * Mark those at the head of @objs free that lie in @s; returns how many. The word
 * of the bitmap at hand stays in a register: neighbours often come together.
 */
static u32 put_objects(struct span *s, u32 cls, void **objs, u32 n)
{
	const u64 magic = size_classes[cls].magic;
	const u32 end = s->nobjects * size_classes[cls].size; /* where the tail begins */
	const uintptr_t start = (uintptr_t)span_start(s);
	u64 *bits = span_bitmap(s), word = 0;
	u32 at = UINT32_MAX, i;

	for (i = 0; i < n; i++) {
		u64 offset = (uintptr_t)objs[i] - start, x = offset * magic, bit;
		u32 w = (u32)(x >> 32) / BITS_PER_WORD;

		if (offset >= end)
			break;
		if (unlikely((u32)x >= magic)) /* no multiple of the size; see span.h */
			die_not_an_object("free", objs[i]);
		if (w != at) {
			if (at != UINT32_MAX)
				bits[at] = word;
			at = w;
			word = bits[w];
		}
		bit = 1ULL << ((x >> 32) % BITS_PER_WORD);
		if (unlikely(word & bit))
			die_double_free(objs[i]);
		word |= bit;
	}
	if (unlikely(!i))
		die_not_an_object("free", objs[0]);
	bits[at] = word;
	s->nfree = (u16)(s->nfree + i);
	return i;
}

/* Have the spans of @objs at hand before the lock is taken; within a run, look at few of them. */
static void prefetch_spans(void **objs, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		u64 page = addr_to_page(objs[i]);

		__builtin_prefetch(&space.spans[page], 1);
		while (i + PREFETCH_STRIDE < n && addr_to_page(objs[i + PREFETCH_STRIDE]) == page)
			i += PREFETCH_STRIDE;
	}
}

/*
 * Whether @s, all of whose objects are free, stays in the list. One such span of sampled
 * objects does: they come and go one at a time.
 */
static bool keep_whole(struct central *c, struct span *s)
{
	if (!c->sampled || c->whole)
		return false;
	c->whole = s;
	return true;
}

/* Take @s, all of whose objects are free, out of the list; it is then the caller's. */
static void take_span(struct central *c, struct span *s, struct cds_list_head *to)
{
	unlist_span(c, s);
	if (c->sampled)
		put_slots(c, s->slots);
	WRITE_ONCE(s->state, SPAN_FREE);
	cds_list_add(&s->link, to);
}

static void free_spans(struct node_heap *nh, struct cds_list_head *empty)
{
	struct span *s, *next;

	cds_list_for_each_entry_safe(s, next, empty, link)
		free_span(nh, s);
}

void central_put(struct node_heap *nh, u32 cls, void **objs, u32 n, int from)
{
	static const int item[] = {[USER_CPU] = C_CPU_IN,
				   [USER_PROGRAM] = C_FREES,
				   [USER_SAMPLED] = C_FREES,
				   [CENTRAL_FROM_TRANSFER] = C_DRAINED,
				   [CENTRAL_FROM_HELD] = C_CPU_IN};
	struct central *c = central_for(nh, cls, from);
	CDS_LIST_HEAD(empty);
	struct span *s;
	u32 spans = 0;

	if (!n)
		return;
	prefetch_spans(objs, n);
	spin_lock(&c->lock);
	for (u32 i = 0; i < n;) {
		s = object_span(objs[i]);
		/* Freed twice: the span went when it came back first. */
		if (unlikely(READ_ONCE(s->state) != SPAN_SMALL || s->cls != cls ||
			     s->sampled != c->sampled))
			die_double_free(objs[i]);
		i += put_objects(s, cls, objs + i, n - i);
		if (s->nfree < s->nobjects || keep_whole(c, s)) {
			relist_span(c, s);
			continue;
		}
		take_span(c, s, &empty);
		spans++;
	}
	book_begin(&c->book);
	book_add(&c->book, item[from], n);
	book_add(&c->book, C_SPANS_OUT, spans);
	book_end(&c->book);
	spin_unlock(&c->lock);
	free_spans(nh, &empty);
}

void central_trim(struct node_heap *nh, u32 cls)
{
	struct central *c = &nh->sampled[cls];
	CDS_LIST_HEAD(empty);
	struct span *s, *next;
	u32 spans = 0;

	spin_lock(&c->lock);
	for (u32 listed = c->listed; listed; listed &= listed - 1) {
		cds_list_for_each_entry_safe(s, next, &c->list[__builtin_ctz(listed)], link) {
			if (s->nfree < s->nobjects)
				continue;
			take_span(c, s, &empty);
			spans++;
		}
	}
	c->whole = NULL;
	book_begin(&c->book);
	book_add(&c->book, C_SPANS_OUT, spans);
	book_end(&c->book);
	spin_unlock(&c->lock);
	free_spans(nh, &empty);
}
