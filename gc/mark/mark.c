// SPDX-License-Identifier: MIT
#include "mark.h"

#include <string.h>

#include "assist.h"
#include "gc_inject.h"
#include "gc_map.h"
#include "gc_span.h"
#include "heap.h"
#include "os.h"
#include "roots.h"
#include "type.h"
#include "worker.h"

#define CHUNK (32u << 10) /* bytes of an object scanned at a time */
#define CLOCK_EVERY 64u	  /* references between two looks at the clock */
#define SHARE_EVERY 256u  /* references between two halves given away, which wake a thread each */
#define SHARE_LEAST 4u	  /* references on a stack that are worth a half of them */

u32 mark_active;
u32 mark_hungry;

void mark_begin(struct lane_gc_tracer *m)
{
	*m = (struct lane_gc_tracer){0};
	atomic_add_return(&mark_active, 1); /* before anything is taken */
}

/* Full: what it has can be taken by others. */
static void spill(struct lane_gc_tracer *m)
{
	if (m->stack && m->stack->n)
		queue_put_buffer(m->stack);
	else if (m->stack)
		buffer_put(m->stack);
	m->stack = buffer_get();
}

/*
 * A free slot: a guess may lead to one, and a reference may in what is dead. What was swept there
 * still says what it was, and its callback would look at what a finalizer has freed. In the other
 * kinds it only marks in vain. Before the mark is set: what is taken meanwhile is marked.
 */
static __always_inline bool is_gone(const struct gc_object *o, uintptr_t entry)
{
	return unlikely(entry & GREY_GUESS || o->kind == GC_TYPED) && !mark_test(o->start) &&
	       gc_slot_is_free(o->page, o->index);
}

/* It has to be marked at least, to be found by mark_rescan(); that it was before loses nothing. */
static __attribute__((noinline)) void lose(struct lane_gc_tracer *m, uintptr_t entry)
{
	uintptr_t p = entry & ~(uintptr_t)GREY_FLAGS;
	struct gc_object o;

	if (!(entry & GREY_MARKED)) {
		if (!gc_find(p, &o) || !gc_object_exists(&o) || is_gone(&o, entry) ||
		    !mark_set(o.start))
			return;
		m->marked += gc_slot_bytes(&o);
		if (o.kind == GC_NOSCAN)
			return;
	}
	queue_lose();
}

static __always_inline void push(struct lane_gc_tracer *m, uintptr_t entry)
{
	if (unlikely(!m->stack || m->stack->n == BUFFER_ENTRIES)) {
		spill(m);
		if (!m->stack) {
			lose(m, entry);
			return;
		}
	}
	m->stack->entry[m->stack->n++] = entry;
}

static __always_inline void push_value(struct lane_gc_tracer *m, uintptr_t v, u32 flags)
{
	if (v - space.base < gc.limit)
		push(m, (v & ~(uintptr_t)GREY_FLAGS) | flags);
}

static __always_inline void scan_words(struct lane_gc_tracer *m, uintptr_t from, uintptr_t to,
				       u32 flags)
{
	for (; from < to; from += sizeof(uintptr_t))
		push_value(m, READ_ONCE(*(uintptr_t *)from), flags);
}

/* An object whose references are in its words @refs. */
static __always_inline void scan_refs(struct lane_gc_tracer *m, uintptr_t start, u64 refs)
{
	for (; refs; refs &= refs - 1)
		push_value(m, READ_ONCE(((uintptr_t *)start)[__builtin_ctzll(refs)]), 0);
}

/* One element of a bitmap's type. */
static void scan_element(struct lane_gc_tracer *m, const struct lane_gc_type *t, uintptr_t at)
{
	for (u32 w = 0; w < t->nwords; w++) {
		for (u64 bits = t->bitmap[w]; bits; bits &= bits - 1)
			push_value(
				m,
				READ_ONCE(((uintptr_t *)at)[w * 64 + (u32)__builtin_ctzll(bits)]),
				0);
	}
}

/*
 * The rest of an object from @to on is for later, and for anybody; before what was found so far, or
 * all references of a large array would lie in buffers at once. True where it cannot be put away,
 * and is the caller's.
 */
static bool keep_rest(uintptr_t to, uintptr_t end)
{
	return unlikely(to < end) && !queue_put(to | GREY_MARKED);
}

/* From @from on, at most a chunk; returns where it ended; *@rest: the caller goes on from there. */
static uintptr_t scan_typed(struct lane_gc_tracer *m, uintptr_t start, uintptr_t from, u64 bytes,
			    bool *rest)
{
	const struct lane_gc_type *t = type_of(start, bytes);
	uintptr_t end = start + bytes - sizeof(uintptr_t), to;
	u64 n;

	if (!t)
		return start + bytes; /* still all zeroes */
	DEBUG_BUG_ON(t->magic != TYPE_MAGIC);
	n = DIV_ROUND_UP(CHUNK, t->size);
	n = t->size % 8 ? ALIGN_UP(n, 8) : n; /* @to has room for flags */
	to = from + min((end - from) / t->size, n) * t->size;
	if (to + t->size > end)
		to = start + bytes;
	*rest = keep_rest(to, start + bytes);
	for (uintptr_t at = from; at + t->size <= min(to, end); at += t->size) {
		if (t->trace)
			t->trace((void *)at, t->size, m);
		else
			scan_element(m, t, at);
	}
	return to;
}

static __always_inline void scan(struct lane_gc_tracer *m, const struct gc_object *o,
				 uintptr_t from)
{
	u64 bytes = gc_slot_bytes(o);
	uintptr_t end = o->start + bytes, to;
	bool rest;

	do {
		rest = false;
		if (o->kind >= GC_LAYOUT) {
			scan_refs(m, o->start, layout_of(o->kind, o->cls));
			to = end;
		} else if (o->kind == GC_TYPED) {
			to = scan_typed(m, o->start, from, bytes, &rest);
		} else {
			to = min(end, from + CHUNK);
			rest = keep_rest(to, end);
			scan_words(m, from, to, o->kind == GC_CONSERVATIVE ? GREY_GUESS : 0);
		}
		m->work += to - from;
		from = to;
	} while (unlikely(rest));
}

/* Words of a slot that are references, where one word can say so; else 0. */
static __always_inline u64 refs_of(const struct gc_object *o, u64 bytes)
{
	if (o->kind >= GC_LAYOUT)
		return layout_of(o->kind, o->cls);
	if (o->kind == GC_POINTERS && bytes <= LAYOUT_SLOT_MAX)
		return ~0ULL >> (64 - bytes / sizeof(uintptr_t));
	return 0;
}

/* What is scanned is where the first and the last reference lie; the type is at the end. */
static __always_inline void prefetch_object(const struct gc_object *o, u64 refs)
{
	if (refs) {
		__builtin_prefetch((uintptr_t *)o->start + __builtin_ctzll(refs));
		__builtin_prefetch((uintptr_t *)o->start + 63 - __builtin_clzll(refs));
		return;
	}
	__builtin_prefetch((void *)o->start);
	if (o->kind == GC_TYPED && o->cls)
		__builtin_prefetch((void *)(o->start + size_classes[o->cls].size - 8));
}

static __always_inline void scan_known(struct lane_gc_tracer *m, const struct gc_known *k)
{
	struct gc_object o;

	if (likely(k->refs)) {
		m->work += k->bytes;
		scan_refs(m, k->start, k->refs);
	} else if (gc_find(k->start, &o)) {
		scan(m, &o, k->start);
	}
}

/* The marked object goes in, and who has been in for longest comes out and is scanned. */
static __always_inline void enter_known(struct lane_gc_tracer *m, const struct gc_object *o)
{
	struct gc_known *slot = &m->known[m->known_head++ % MARK_FIFO], oldest = *slot;
	u64 bytes = gc_slot_bytes(o), refs = refs_of(o, bytes);

	prefetch_object(o, refs);
	*slot = (struct gc_known){o->start, refs, bytes};
	if (likely(oldest.start))
		scan_known(m, &oldest);
	else
		m->count++;
}

static __always_inline void process(struct lane_gc_tracer *m, uintptr_t entry)
{
	uintptr_t p = entry & ~(uintptr_t)GREY_FLAGS;
	struct gc_object o;

	if (unlikely(!gc_find(p, &o) || !gc_object_exists(&o)))
		return;
	if (unlikely(entry & GREY_MARKED)) {
		if (p == o.start)
			enter_known(m, &o);
		else
			scan(m, &o, p);
		return;
	}
	if (is_gone(&o, entry) || !mark_set(o.start))
		return;
	m->marked += gc_slot_bytes(&o);
	if (o.kind == GC_NOSCAN)
		m->work += NOSCAN_WORK;
	else
		enter_known(m, &o);
}

/* @entry goes in, and who has been in for longest comes out and is processed. */
static __always_inline void enqueue(struct lane_gc_tracer *m, uintptr_t entry)
{
	u64 offset = (entry & ~(uintptr_t)GREY_FLAGS) - space.base;
	u32 at = m->head++ % MARK_FIFO;
	uintptr_t oldest = m->found[at];

	__builtin_prefetch(&gc_map[offset >> PAGE_SHIFT]);
	/* Most references are to where an object starts. */
	__builtin_prefetch(&gc_marks[offset >> GRANULE_SHIFT >> 6], 1);
	m->found[at] = entry;
	if (likely(oldest))
		process(m, oldest);
	else
		m->count++;
}

static void empty_fifos(struct lane_gc_tracer *m)
{
	for (u32 i = 0; m->count && i < MARK_FIFO; i++) {
		u32 at = m->head++ % MARK_FIFO;
		uintptr_t entry = m->found[at];

		m->found[at] = 0;
		if (!entry)
			continue;
		m->count--;
		process(m, entry);
	}
	for (u32 i = 0; m->count && i < MARK_FIFO; i++) {
		struct gc_known *slot = &m->known[m->known_head++ % MARK_FIFO], oldest = *slot;

		slot->start = 0;
		if (!oldest.start)
			continue;
		m->count--;
		scan_known(m, &oldest);
	}
}

/* Have something on the stack: from the FIFOs, else from the queues. */
static bool find_work(struct lane_gc_tracer *m)
{
	struct gc_buffer *b;

	while (m->count) {
		empty_fifos(m);
		if (m->stack && m->stack->n)
			return true;
	}
	b = smp_load_acquire(&gc.flipped) ? queue_take() : NULL; /* pairs with turn_on() */
	if (!b)
		return false;
	if (m->stack)
		buffer_put(m->stack);
	m->stack = b;
	return true;
}

static __always_inline void take(struct lane_gc_tracer *m, uintptr_t entry)
{
	if (unlikely(entry & GREY_ROOTS))
		roots_scan_piece(m, entry & ~(uintptr_t)GREY_FLAGS);
	else
		enqueue(m, entry);
}

/* Others are hungry. Half of the stack, if nobody has taken the last half yet. */
static __attribute__((noinline)) void share(struct lane_gc_tracer *m)
{
	u64 half = m->stack ? m->stack->n / 2 : 0;
	struct gc_buffer *b;

	if (half < SHARE_LEAST / 2 || queue_is_fed() || !(b = buffer_get()))
		return;
	memcpy(b->entry, m->stack->entry, half * sizeof(*b->entry));
	b->n = half;
	m->stack->n -= half;
	memmove(m->stack->entry, m->stack->entry + half, m->stack->n * sizeof(*b->entry));
	queue_put_buffer(b);
	GC_INJECT(AT_SHARED);
	if (!assist_call())
		workers_call();
}

bool mark_some(struct lane_gc_tracer *m, u64 work, u64 until)
{
	u32 turn = 0;

	while (m->work < work) {
		if (!m->stack || !m->stack->n) {
			if (!find_work(m))
				return true;
			continue;
		}
		take(m, m->stack->entry[--m->stack->n]);
		if (++turn % CLOCK_EVERY)
			continue;
		if (os.now_ns() >= until)
			break;
		if (turn % SHARE_EVERY == 0 && READ_ONCE(mark_hungry))
			share(m);
	}
	return false;
}

void mark_end(struct lane_gc_tracer *m)
{
	GC_INJECT(AT_MARKED);
	for (u32 i = 0; i < MARK_FIFO; i++) {
		if (m->found[i])
			push(m, m->found[i]);
		if (m->known[i].start)
			push(m, m->known[i].start | GREY_MARKED);
	}
	if (m->stack && m->stack->n)
		queue_put_buffer(m->stack);
	else if (m->stack)
		buffer_put(m->stack);
	m->stack = NULL;
	heap_marked(m->work, m->marked);
	/* After all is in the queues; pairs with turn_off(). */
	atomic_add_return(&mark_active, (u32)-1);
}

void mark_words(struct lane_gc_tracer *m, const uintptr_t *from, const uintptr_t *to)
{
	scan_words(m, (uintptr_t)from, (uintptr_t)to, GREY_GUESS);
	m->work += (u64)((const char *)to - (const char *)from);
}

void mark_reference(struct lane_gc_tracer *m, uintptr_t p)
{
	push_value(m, p, 0);
}

LANE_API void lane_gc_trace(struct lane_gc_tracer *m, void *const *slot)
{
	push_value(m, (uintptr_t)READ_ONCE(*slot), 0);
}

void mark_shade(uintptr_t p)
{
	struct gc_object o;

	/* The slot of a store may be one of words that only look like references. */
	if (!gc_find(p, &o) || !gc_object_exists(&o) || mark_test(o.start) ||
	    gc_slot_is_free(o.page, o.index) || !mark_set(o.start))
		return;
	heap_marked(0, gc_slot_bytes(&o));
	GC_INJECT(AT_SHADED);
	if (o.kind != GC_NOSCAN && !queue_put_shaded(o.start | GREY_MARKED))
		queue_lose();
}

void mark_fields(const struct gc_object *o)
{
	struct lane_gc_tracer m;

	if (o->kind == GC_NOSCAN)
		return;
	mark_begin(&m);
	scan(&m, o, o->start);
	mark_end(&m);
}

static void rescan_span(struct gc_object *o, struct span *s, void *tracer)
{
	u32 size = o->cls ? size_classes[o->cls].size : 0;
	uintptr_t start = o->start;
	struct lane_gc_tracer *m = tracer;

	if (o->kind == GC_NOSCAN)
		return;
	for (o->index = 0; o->index < s->nobjects; o->index++) {
		o->start = start + (u64)o->index * size;
		/* Not what is marked and about to be taken: it holds what was there before. */
		if (!mark_test(o->start) || gc_slot_is_free(o->page, o->index))
			continue;
		/* A buffer has room for less than a span has slots, and there may be one alone. */
		enter_known(m, o);
		if (!m->stack || m->stack->n > BUFFER_ENTRIES / 2)
			mark_some(m, UINT64_MAX, UINT64_MAX);
	}
	mark_some(m, UINT64_MAX, UINT64_MAX);
}

void mark_rescan(struct lane_gc_tracer *m)
{
	gc_each_span(rescan_span, m);
}
