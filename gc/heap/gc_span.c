// SPDX-License-Identifier: MIT
#include "gc_span.h"

#include <errno.h>
#include <string.h>

#include "gc_inject.h"
#include "gc_map.h"
#include "heap.h"
#include "meta.h"
#include "prof_cycle.h"
#include "span_slots.h"
#include "type.h"

/*
 * Spans swept for one that has a free slot: where all are full, one allocation would sweep its
 * whole class. Beyond that it takes a new one.
 */
#define SWEEP_MOST 100u

struct gc_heap *gc_heaps[MAX_HOMES];

static u64 unswept_bytes; /* atomic */

int gc_spans_init(void)
{
	for (u32 h = 0; h < homes_made(); h++) {
		struct gc_heap *gh;

		if (gc_heaps[h])
			continue;
		gh = meta_alloc(sizeof(*gh), CACHE_LINE);
		if (!gh)
			return -ENOMEM;
		for (u32 i = 0; i < GC_KINDS * NR_CLASSES; i++) {
			struct gc_class *c = &gh->cls[i / NR_CLASSES][i % NR_CLASSES];

			spin_lock_init(&c->lock, RANK_GC_CLASS);
			CDS_INIT_LIST_HEAD(&c->free);
			CDS_INIT_LIST_HEAD(&c->full);
			CDS_INIT_LIST_HEAD(&c->unswept);
		}
		gc_heaps[h] = gh;
	}
	return 0;
}

u64 gc_unswept_bytes(void)
{
	return READ_ONCE(unswept_bytes);
}

u64 gc_span_bytes(void)
{
	struct gc_class *c;
	u32 home, kind, cls;
	u64 sum = 0;

	for (u32 i = 0; (c = gc_class_at(i, &home, &kind, &cls)) != NULL; i++)
		sum += READ_ONCE(c->book.cur[G_BYTES]);
	return sum;
}

struct gc_class *gc_class_at(u32 i, u32 *home, u32 *kind, u32 *cls)
{
	*cls = i % NR_CLASSES;
	*kind = i / NR_CLASSES % GC_KINDS;
	*home = i / NR_CLASSES / GC_KINDS;
	return *home < MAX_HOMES && gc_heaps[*home] ? &gc_heaps[*home]->cls[*kind][*cls] : NULL;
}

static void count(struct gc_class *c, enum gc_item item, u64 n)
{
	book_begin(&c->book);
	book_add(&c->book, item, n);
	book_end(&c->book);
}

void gc_sampled(u64 page, const void *obj, u64 size, u64 rate)
{
	struct span *s = &space.spans[page];
	struct gc_class *c = &gc_heaps[page >> (HOME_SHIFT - PAGE_SHIFT)]->cls[s->kind][s->cls];

	if (!prof_gc_alloc(obj, size, rate, NULL))
		return;
	spin_lock(&c->lock);
	if (s->nsampled < SPAN_SAMPLED_MANY)
		s->nsampled++;
	spin_unlock(&c->lock);
}

/* Give a span that is in no list any more back to its page heap. Lock not held. */
static void return_span(u32 home, struct span *s)
{
	gc_map_set(span_page(s), s->npages, 0);
	if (span_has_more_bits(s) && s->cls)
		meta_bitmap_put(s->more_bits);
	WRITE_ONCE(s->state, SPAN_FREE);
	page_heap_free(&node_heaps[home]->pages, s, USE_SMALL);
}

/*
 * Before it is in the map: from then on a guess leads there, and who follows it must not take for a
 * type what malloc has left. A large object is zeroed as a whole.
 */
static void forget_old(struct span *s, u32 kind, u32 cls)
{
	uintptr_t start = (uintptr_t)span_start(s);
	u32 size = size_classes[cls].size;

	if (s->zero)
		return;
	if (!cls)
		memset(span_start(s), 0, span_bytes(s));
	for (u32 i = 0; cls && kind == GC_TYPED && i < s->nobjects; i++)
		*type_word(start + (u64)i * size, size) = NULL;
}

/* A new span for @npages, known to the map; in no list. NULL: no memory. */
static struct span *make_span(u32 home, u32 kind, u32 cls, u32 npages, u64 *more)
{
	struct page_heap *ph = &node_heaps[home]->pages;
	struct span *s = page_heap_alloc(ph, npages, 1, USE_SMALL);
	u64 page;

	if (!s)
		return NULL;
	page = span_page(s);
	if (gc_map_open(home, page - ((u64)home << (HOME_SHIFT - PAGE_SHIFT)) + npages)) {
		page_heap_free(ph, s, USE_SMALL);
		return NULL;
	}
	s->cls = (u8)cls;
	s->kind = (u8)kind;
	s->nsampled = 0;
	s->nobjects = cls ? size_classes[cls].objects : 1;
	s->nfree = cls ? s->nobjects : 0;
	for (u32 w = 0; w < SPAN_INLINE_WORDS; w++)
		s->bits[w] = 0;
	if (more)
		s->more_bits = more;
	if (cls)
		bits_set(span_bitmap(s), 0, s->nobjects);
	forget_old(s, kind, cls);
	WRITE_ONCE(s->state, SPAN_COLLECTED);
	gc_map_set(page, npages, map_entry(kind, cls));
	GC_INJECT(AT_MAPPED);
	return s;
}

static struct span *new_small(u32 home, u32 kind, u32 cls)
{
	const struct size_class *sc = &size_classes[cls];
	u64 *more = NULL;
	struct span *s;

	if (sc->objects > SPAN_INLINE_WORDS * BITS_PER_WORD) {
		more = meta_bitmap_get();
		if (!more)
			return NULL;
	}
	s = make_span(home, kind, cls, sc->pages, more);
	if (!s && more)
		meta_bitmap_put(more);
	return s;
}

/*
 * A new span comes under the lock. Since it is in the map a marker may have taken some word
 * for a reference to it.
 */
static void count_span(struct gc_class *c, struct span *s)
{
	slots_clear_marks(s);
	book_begin(&c->book);
	book_add(&c->book, G_SPANS, 1);
	book_add(&c->book, G_BYTES, span_bytes(s));
	if (!s->cls)
		book_add(&c->book, G_LARGE, span_bytes(s));
	book_end(&c->book);
	s->sweepgen = c->sweepgen;
	c->nspans++;
}

static void discount_span(struct gc_class *c, const struct span *s)
{
	book_begin(&c->book);
	book_sub(&c->book, G_SPANS, 1);
	book_sub(&c->book, G_BYTES, span_bytes(s));
	book_end(&c->book);
	c->nspans--;
}

/*
 * Take the next span from unswept and sweep it; it is in no list then. Lock held, dropped
 * meanwhile.
 */
static struct span *sweep_next(struct gc_class *c, u32 *freed)
{
	struct span *s = cds_list_first_entry(&c->unswept, struct span, link);
	struct slot_marks m;

	cds_list_del(&s->link);
	spin_unlock(&c->lock);
	slots_gather(s, &m);
	GC_INJECT(AT_GATHERED);
	spin_lock(&c->lock);
	c->nunswept--;
	*freed = slots_sweep(s, &m);
	s->sweepgen = c->sweepgen;
	atomic_add_return(&unswept_bytes, -span_bytes(s)); /* marks are gone before */
	if (*freed)
		count(c, G_SWEPT, *freed);
	return s;
}

/*
 * A swept span with a free slot, in the list of free ones; NULL where there is none among the next
 * @most that are swept for it. Lock held, dropped where one is swept.
 */
static struct span *free_span_of(struct gc_class *c, u32 most)
{
	while (cds_list_empty(&c->free) && !cds_list_empty(&c->unswept) && most--) {
		u32 freed;
		struct span *s = sweep_next(c, &freed);

		heap_swept(span_bytes(s));
		cds_list_add(&s->link, s->nfree ? &c->free : &c->full);
	}
	return cds_list_empty(&c->free) ? NULL : cds_list_first_entry(&c->free, struct span, link);
}

u32 gc_take(u32 home, u32 kind, u32 cls, void **objs, u32 n, bool to_cpu)
{
	struct gc_class *c = &gc_heaps[home]->cls[kind][cls];
	struct span *s;
	bool zero, black;
	u32 got;

	spin_lock(&c->lock);
	s = free_span_of(c, SWEEP_MOST);
	if (!s) {
		spin_unlock(&c->lock);
		s = new_small(home, kind, cls);
		spin_lock(&c->lock);
		if (s) {
			count_span(c, s);
			cds_list_add(&s->link, &c->free);
		} else {
			s = free_span_of(c, UINT32_MAX);
		}
	}
	if (!s) {
		spin_unlock(&c->lock);
		return 0;
	}
	black = c->black;
	zero = s->zero;
	GC_INJECT(AT_TAKE);
	got = slots_take(s, objs, n, black);
	if (!s->nfree) {
		cds_list_del(&s->link);
		cds_list_add(&s->link, &c->full);
	}
	count(c, to_cpu ? G_CPU_OUT : G_MALLOCS, got);
	spin_unlock(&c->lock);
	GC_INJECT(AT_TAKEN);
	if (!zero && kind != GC_NOSCAN)
		slots_zero(objs, got, size_classes[cls].size);
	heap_taken(kind, (u64)got * size_classes[cls].size, got, black);
	return got;
}

static bool is_unswept(const struct gc_class *c, const struct span *s)
{
	return s->sweepgen != c->sweepgen;
}

/* The slot is free again. A span that was full has room now. Lock held. */
static void put_slot(struct gc_class *c, struct span *s, u32 index)
{
	bit_set(span_bitmap(s), index);
	if (!s->nfree++ && !is_unswept(c, s)) {
		cds_list_del(&s->link);
		cds_list_add(&s->link, &c->free);
	}
}

void gc_put(u32 home, u32 kind, u32 cls, void **objs, u32 n)
{
	struct gc_class *c = &gc_heaps[home]->cls[kind][cls];

	spin_lock(&c->lock);
	for (u32 i = 0; i < n; i++) {
		struct gc_object o;

		BUG_ON(!gc_find((uintptr_t)objs[i], &o) || o.start != (uintptr_t)objs[i]);
		put_slot(c, &space.spans[o.page], o.index);
	}
	count(c, G_CPU_IN, n);
	spin_unlock(&c->lock);
	heap_put_back(kind, (u64)n * size_classes[cls].size, n);
}

void *gc_take_large(u32 home, u32 kind, u64 bytes)
{
	struct gc_class *c = &gc_heaps[home]->cls[kind][0];
	struct span *s;
	bool black;
	void *p;

	if (DIV_ROUND_UP(bytes, PAGE_SIZE) > MAP_BACK_MAX)
		return NULL;
	s = make_span(home, kind, 0, (u32)DIV_ROUND_UP(bytes, PAGE_SIZE), NULL);
	if (!s)
		return NULL;
	p = span_start(s);
	spin_lock(&c->lock);
	black = c->black;
	count_span(c, s);
	if (black)
		mark_set((uintptr_t)p);
	count(c, G_MALLOCS, 1);
	cds_list_add(&s->link, &c->full);
	spin_unlock(&c->lock);
	heap_taken(kind, span_bytes(s), 1, black);
	return p;
}

/* Explicit free of what may be a sampled object. Lock held. */
static void discount_free(struct span *s, const void *obj)
{
	if (unlikely(s->nsampled) && prof_gc_free(obj) && s->nsampled < SPAN_SAMPLED_MANY)
		s->nsampled--;
}

/*
 * What a marker may be looking at, or be led to soon, is not to be another object, nor another
 * type's, before the next cycle. Lock held.
 */
static bool leaves(const struct gc_class *c)
{
	return c->black || READ_ONCE(gc.marking);
}

static enum gc_free_result free_large(u32 home, struct gc_class *c, struct span *s)
{
	u64 bytes = span_bytes(s);
	u32 kind = s->kind;

	if (s->nfree || leaves(c)) {
		enum gc_free_result result = s->nfree ? GC_FREE_TWICE : GC_FREED;

		s->nfree = 1; /* it is left to the sweep, and was freed */
		spin_unlock(&c->lock);
		return result;
	}
	if (is_unswept(c, s)) {
		c->nunswept--;
		atomic_add_return(&unswept_bytes, -bytes);
	}
	cds_list_del(&s->link);
	discount_free(s, span_start(s));
	slots_clear_marks(s);
	count(c, G_FREES, 1);
	discount_span(c, s);
	spin_unlock(&c->lock);
	return_span(home, s);
	heap_put_back(kind, bytes, 1);
	return GC_FREED;
}

/*
 * Whether the free of an object that says what it is is left to the sweep; *@result: how it was
 * freed. Lock held.
 */
static bool typed_stays(const struct gc_class *c, uintptr_t start, u32 size,
			enum gc_free_result *result)
{
	const struct lane_gc_type **word = type_word(start, size);
	uintptr_t t = (uintptr_t)READ_ONCE(*word);

	*result = t & TYPE_FREED ? GC_FREE_TWICE : GC_FREED;
	/* A free slot has no type: what is dead may lead a marker here later. */
	t = *result == GC_FREE_TWICE || leaves(c) ? t | TYPE_FREED : 0;
	WRITE_ONCE(*word, (const struct lane_gc_type *)t);
	return t;
}

enum gc_free_result gc_free_slot(u64 page, u32 index)
{
	struct span *s = &space.spans[page];
	u32 home = (u32)(page >> (HOME_SHIFT - PAGE_SHIFT));
	struct gc_class *c = &gc_heaps[home]->cls[s->kind][s->cls];
	enum gc_free_result result;
	u32 kind, size;
	uintptr_t start;

	spin_lock(&c->lock);
	kind = s->kind; /* without the lock the span may be gone, as this may be its last object */
	size = s->cls ? size_classes[s->cls].size : 0;
	start = (uintptr_t)span_start(s) + (u64)index * size;
	if (READ_ONCE(s->state) != SPAN_COLLECTED || (is_unswept(c, s) && !mark_test(start))) {
		spin_unlock(&c->lock);
		return GC_NOT_LIVE;
	}
	if (!s->cls)
		return free_large(home, c, s);
	if (bit_test(span_bitmap(s), index)) {
		spin_unlock(&c->lock);
		return GC_FREE_TWICE;
	}
	if (kind == GC_TYPED && typed_stays(c, start, size, &result)) {
		spin_unlock(&c->lock);
		return result;
	}
	discount_free(s, (void *)start);
	s->zero = false;
	put_slot(c, s, index);
	count(c, G_FREES, 1);
	spin_unlock(&c->lock);
	heap_put_back(kind, size, 1);
	return GC_FREED;
}

bool gc_slot_is_free(u64 page, u32 index)
{
	struct span *s = &space.spans[page];

	/* Pairs with slots_take(): the mark of what is taken. */
	return s->cls &&
	       smp_load_acquire(&span_bitmap(s)[index / BITS_PER_WORD]) >> (index % 64) & 1;
}

void gc_class_blacken(struct gc_class *c)
{
	spin_lock(&c->lock);
	BUG_ON(c->nunswept);
	c->black = true;
	spin_unlock(&c->lock);
}

void gc_class_turn(struct gc_class *c)
{
	u64 bytes;

	spin_lock(&c->lock);
	bytes = c->book.cur[G_BYTES];
	cds_list_splice(&c->full, &c->unswept);
	CDS_INIT_LIST_HEAD(&c->full);
	cds_list_splice(&c->free, &c->unswept);
	CDS_INIT_LIST_HEAD(&c->free);
	c->nunswept = c->nspans;
	c->sweepgen++;
	atomic_add_return(&unswept_bytes, bytes);
	c->black = false;
	spin_unlock(&c->lock);
}

void gc_class_forget(struct gc_class *c)
{
	struct span *s;

	spin_lock(&c->lock);
	c->black = false;
	cds_list_for_each_entry(s, &c->full, link)
		slots_clear_marks(s);
	cds_list_for_each_entry(s, &c->free, link)
		slots_clear_marks(s);
	spin_unlock(&c->lock);
}

/* A large object: dead where it is not marked. Lock held; true: to be returned. */
static bool sweep_large(struct gc_class *c, struct span *s)
{
	bool dead = !mark_test((uintptr_t)span_start(s));

	slots_clear_marks(s);
	s->sweepgen = c->sweepgen;
	if (!dead) {
		cds_list_add(&s->link, &c->full);
		return false;
	}
	if (unlikely(s->nsampled))
		prof_gc_swept(span_start(s));
	count(c, G_SWEPT, 1);
	return true;
}

bool gc_sweep_one(u32 home, u32 kind, u32 cls, u64 *freed)
{
	struct gc_class *c = &gc_heaps[home]->cls[kind][cls];
	u32 n = 0;
	struct span *s;
	bool empty;

	if (!READ_ONCE(c->nunswept))
		return false;
	GC_INJECT(AT_SWEEP);
	spin_lock(&c->lock);
	if (cds_list_empty(&c->unswept)) {
		spin_unlock(&c->lock);
		return false;
	}
	if (cls) {
		s = sweep_next(c, &n);
		empty = s->nfree == s->nobjects;
		if (!empty)
			cds_list_add(&s->link, s->nfree ? &c->free : &c->full);
		*freed += (u64)n * size_classes[cls].size;
	} else {
		s = cds_list_first_entry(&c->unswept, struct span, link);
		cds_list_del(&s->link);
		c->nunswept--;
		empty = sweep_large(c, s);
		atomic_add_return(&unswept_bytes, -span_bytes(s));
		*freed += empty ? span_bytes(s) : 0;
	}
	heap_swept(span_bytes(s));
	if (empty)
		discount_span(c, s);
	spin_unlock(&c->lock);
	if (empty)
		return_span(home, s);
	return true;
}
