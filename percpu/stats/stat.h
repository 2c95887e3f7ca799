/* SPDX-License-Identifier: MIT */
/*
 * stat.h - books of the locked layers, readable as part of a snapshot without
 * the layer's lock.
 *
 * Writer (holds the layer's lock, which makes it the only one):
 *
 *	book_begin(b);		seq odd; smp_mb; load hot.gen; if it is new:
 *				base = cur, then gen
 *	book_add(b, item, n);
 *	book_end(b);		seq even
 *
 * Reader (snapshot.c, after it stored the new generation and a full barrier):
 *
 *	book_settle(b);		wait while a writer that may have loaded the old
 *				generation is inside
 *	book_read(b, gen, out);	base if b->gen is new, else cur, checked again
 *
 * Why it is right: the smp_mb in book_begin pairs with the one between the
 * reader's store of hot.gen and its load of seq. Either the reader sees seq
 * odd and waits, or the writer sees the new generation and saves the baseline
 * before it changes anything. The reader waits for at most one such writer a
 * book, over a few stores; no writer ever waits for a reader.
 */
#ifndef PERCPU_STAT_H
#define PERCPU_STAT_H

#include "barrier.h"
#include "bug.h"
#include "compiler.h"
#include "hot.h"

/* What the books count. Objects of the class unless a unit is given. */

enum transfer_item {
	T_CPU_IN,  /* taken from CPU caches */
	T_CPU_OUT, /* given to CPU caches */
	T_MALLOCS, /* given straight to the program */
	T_FREES,   /* taken straight from the program */
	T_DRAINED, /* passed on to the central list */
};

enum central_item {
	C_CPU_IN,
	C_CPU_OUT,
	C_MALLOCS,
	C_FREES,
	C_DRAINED,   /* taken from the transfer cache */
	C_SPANS_IN,  /* spans taken from the page heap */
	C_SPANS_OUT, /* spans given back to it */
};

enum page_item {
	P_OPENED,      /* bytes made readable and writable */
	P_RELEASED,    /* bytes of free pages that the system holds; a level */
	P_LARGE_BYTES, /* bytes of live large objects; a level */
	P_LARGE_MALLOCS,
	P_LARGE_FREES,
	P_HELD_BYTES, /* bytes of large objects in quarantine; a level */
};

enum meta_item {
	M_RESERVED, /* bytes of address space, heap ranges included; a level */
	M_MAPPED,   /* bytes made readable and writable for Lane's own structures */
};

enum reentry_item {
	R_MALLOCS,
	R_FREES,
	R_BYTES, /* bytes of live objects; a level */
};

#define BOOK_ITEMS 8

struct stat_book {
	u32 seq; /* odd while a writer is inside; the layer's lock */
	u64 gen; /* generation of the last write (as hot.gen); the layer's lock */
	u64 cur[BOOK_ITEMS];
	u64 base[BOOK_ITEMS]; /* cur, when the book entered gen */
} __aligned_to(CACHE_LINE);

static inline void book_begin(struct stat_book *b)
{
	u64 gen;

	DEBUG_BUG_ON(b->seq & 1);
	WRITE_ONCE(b->seq, b->seq + 1);
	smp_mb(); /* pairs with snapshot_flip(): see above */
	gen = READ_ONCE(hot.gen);
	if (b->gen == gen)
		return;
	for (int i = 0; i < BOOK_ITEMS; i++)
		WRITE_ONCE(b->base[i], b->cur[i]);
	smp_store_release(&b->gen, gen); /* pairs with book_read(): base before gen */
	smp_wmb();			 /* pairs with book_read(): gen before the changes */
}

static inline void book_add(struct stat_book *b, int item, u64 n)
{
	WRITE_ONCE(b->cur[item], b->cur[item] + n);
}

static inline void book_sub(struct stat_book *b, int item, u64 n)
{
	WRITE_ONCE(b->cur[item], b->cur[item] - n);
}

static inline void book_end(struct stat_book *b)
{
	smp_store_release(&b->seq, b->seq + 1); /* pairs with seq_settle() */
}

/* Reader: return once no writer that was inside at the call is inside. */
void seq_settle(const u32 *seq);

/* Reader: what @b held at the start of generation @gen, into @out[BOOK_ITEMS]. */
void book_read(const struct stat_book *b, u64 gen, u64 *out);

#endif
