// SPDX-License-Identifier: MIT
/*
 * quarantine_large.c - the FIFO of large objects. Their books are the page heap's, and
 * so is the span's state: SPAN_LARGE and held.
 */
#include "check.h"
#include "conf.h"
#include "node_heap.h"
#include "quarantine.h"

static struct spinlock fifo_lock = SPINLOCK_INIT(RANK_QUARANTINE);

/* All under fifo_lock. */
static struct {
	struct span *slot[LARGE_OBJECTS];
	u32 head, tail; /* put in and taken out, ever */
	u64 bytes;	/* of their spans */
} fifo;

static struct page_heap *heap_of(const struct span *s)
{
	return &node_heaps[addr_to_home(span_start(s))]->pages;
}

/* Bytes that it may hold. */
static u64 most(void)
{
	u64 bytes;

	return __builtin_mul_overflow(conf.check_quarantine, LARGE_SHARE, &bytes) ? UINT64_MAX
										  : bytes;
}

/* The oldest, where there is too much for one of @bytes; NULL else. */
static struct span *take_oldest(u64 bytes)
{
	struct span *s = NULL;

	spin_lock(&fifo_lock);
	if (fifo.head != fifo.tail &&
	    (fifo.bytes + bytes > most() || fifo.head - fifo.tail == LARGE_OBJECTS)) {
		s = fifo.slot[fifo.tail++ % LARGE_OBJECTS];
		fifo.bytes -= span_bytes(s);
	}
	spin_unlock(&fifo_lock);
	return s;
}

static bool put(struct span *s)
{
	u64 bytes = span_bytes(s);
	bool fits;

	spin_lock(&fifo_lock);
	fits = fifo.bytes + bytes <= most() && fifo.head - fifo.tail < LARGE_OBJECTS;
	if (fits) {
		fifo.slot[fifo.head++ % LARGE_OBJECTS] = s;
		fifo.bytes += bytes;
	}
	spin_unlock(&fifo_lock);
	return fits;
}

static void let_go(struct span *s)
{
	check_let_go(span_start(s), span_bytes(s));
	page_heap_free(heap_of(s), s, USE_HELD);
}

void quarantine_large(struct span *s)
{
	u64 bytes = span_bytes(s);
	struct span *old;

	page_heap_hold(heap_of(s), s);
	/* One that is larger than all of it makes nobody leave. */
	while (bytes <= most() && (old = take_oldest(bytes)))
		let_go(old);
	if (!put(s))
		let_go(s);
}
