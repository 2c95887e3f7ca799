/* SPDX-License-Identifier: MIT */
/*
 * quarantine_ring.h - the common cases of quarantine.h, for malloc and free: an object
 * goes into its thread's ring of its class, and comes out again.
 *
 * What malloc takes from a ring that is nearly full has waited as long as what spills,
 * and neither needs the CPU's cache nor is looked at twice. The ring, its books and
 * seq are the owner's (quarantine.h has their protocol); every change is between
 * quarantine_begin() and quarantine_end().
 */
#ifndef PERCPU_QUARANTINE_RING_H
#define PERCPU_QUARANTINE_RING_H

#include "barrier.h"
#include "check.h"
#include "cpu_block.h"
#include "hot.h"
#include "lanes.h"
#include "quarantine.h"
#include "space.h"

struct ring {
	void **slot;	/* cap of them; made at first use, never freed */
	u32 head, tail; /* objects put in and taken out, ever; owner, seq odd */
	u32 cap;	/* a power of two; 0: not made */
	u32 keep;	/* objects that stay when others go on, less than cap; 0: not made */
};

/* Objects of one home and class; cumulative. */
struct held {
	u64 frees; /* put in */
	u64 again; /* handed out from here */
	u64 out;   /* let go */
};

struct quarantine {
	u32 seq;		      /* odd while the owner changes anything; owner */
	bool used;		      /* has a thread; lock */
	u64 gen;		      /* generation of the last change, as hot.gen; owner */
	struct held *cur, *base;      /* by home and class; owner */
	struct quarantine *next;      /* in the list of all; constant */
	struct quarantine *next_idle; /* in the list of those without a thread; lock */
	struct ring ring[NR_CLASSES];
} __aligned_to(CACHE_LINE);

/* This thread's, or NULL. */
extern __thread struct quarantine *quarantine_mine __attribute__((tls_model("initial-exec")));
extern u32 quarantine_closed; /* by a fork; read without a lock */

void quarantine_begin_slow(struct quarantine *q, u64 gen);

static __always_inline void quarantine_begin(struct quarantine *q)
{
	u64 gen;

	WRITE_ONCE(q->seq, q->seq + 1);
	if (lanes_locked())
		smp_mb(); /* pairs with snapshot_flip() and quarantine_close() */
	else
		barrier(); /* pairs with their rseq_fence() */
	gen = READ_ONCE(hot.gen);
	if (unlikely(q->gen != gen))
		quarantine_begin_slow(q, gen);
}

static __always_inline void quarantine_end(struct quarantine *q)
{
	smp_store_release(&q->seq, q->seq + 1); /* pairs with seq_settle() */
}

/* Whether @p is in now; else quarantine_put() does it, or says why not. */
static __always_inline bool quarantine_try_put(void *p, u32 cls, u32 home, bool inside)
{
	struct quarantine *q = quarantine_mine;
	struct ring *r;
	bool room;

	if (unlikely(!q || q->seq & 1))
		return false;
	r = &q->ring[cls];
	quarantine_begin(q);
	room = r->head - r->tail < r->cap && (inside || !READ_ONCE(quarantine_closed));
	if (likely(room)) {
		struct held *h = &q->cur[home * NR_CLASSES + cls];

		r->slot[r->head & (r->cap - 1)] = p;
		r->head++;
		WRITE_ONCE(h->frees, h->frees + 1);
	}
	quarantine_end(q);
	return room;
}

/*
 * The oldest object of @cls, to be handed out; NULL where too few wait, or it is of
 * another home than @home, or sampled. What was written to it is the caller's to see.
 */
static __always_inline void *quarantine_again(u32 cls, u32 home)
{
	struct quarantine *q = quarantine_mine;
	struct ring *r;
	void *p = NULL;

	if (unlikely(!q || q->seq & 1))
		return NULL;
	r = &q->ring[cls];
	if (r->head - r->tail <= r->keep)
		return NULL;
	quarantine_begin(q);
	/* A handler may have taken it meanwhile. */
	if (likely(r->head - r->tail > r->keep && !READ_ONCE(quarantine_closed))) {
		p = r->slot[r->tail & (r->cap - 1)];
		if (likely(READ_ONCE(hot.pagemap[addr_to_page(p)]) == block_of(home, cls))) {
			struct held *h = &q->cur[home * NR_CLASSES + cls];

			check_prefetch(r->slot[(r->tail + 4) & (r->cap - 1)],
				       size_classes[cls].size);
			r->tail++;
			WRITE_ONCE(h->again, h->again + 1);
		} else {
			p = NULL;
		}
	}
	quarantine_end(q);
	return p;
}

#endif
