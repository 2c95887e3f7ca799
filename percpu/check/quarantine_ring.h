/* SPDX-License-Identifier: MIT */
/*
 * quarantine_ring.h - the common cases of quarantine.h, for malloc and free: an object
 * goes into its thread's ring of its home and class, and comes out again.
 *
 * What malloc takes from a ring that is nearly full has waited as long as what spills,
 * and neither needs the CPU's cache nor is looked at twice. The ring, which is its own
 * book, and seq are the owner's (quarantine.h has their protocol); every change is
 * between quarantine_begin() and quarantine_end(), or their short forms below.
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

/* Objects of one home and class. The counts are cumulative. */
struct ring {
	void **slot; /* cap of them; made at first use, never freed */
	u64 head;    /* objects put in; owner, seq odd */
	u64 tail;    /* objects taken out; likewise */
	u64 out;     /* of those, let go; the others were handed out again; likewise */
	u32 cap;     /* slots, what its class may hold; a power of two; 0: not made */
	u32 limit;   /* objects that it may hold; owner, in a slow path */
	u32 keep;    /* objects that stay when others go on, at most limit; likewise */
	u32 bytes;   /* of an object; constant */
	u32 block;   /* block_of() home and class; constant */
	u32 pop;     /* block_offset() of the class; constant */
} __aligned_to(CACHE_LINE);

/* What a ring had counted, as the generation began. */
struct held {
	u64 head, tail, out;
};

struct quarantine {
	u32 seq;		      /* odd while the owner changes anything; owner */
	bool used;		      /* has a thread; lock */
	s32 pid, tid;		      /* which; lock, or alone in the child of a fork */
	uintptr_t thread;	      /* its thread pointer; likewise, read without */
	u64 gen;		      /* generation of the last change, as hot.gen; owner */
	struct held *base;	      /* by ring; owner */
	struct quarantine *next;      /* in the list of all; constant */
	struct quarantine *next_idle; /* in the list of those without a thread; lock */
	struct ring ring[];	      /* by home and class: ring_of() */
} __aligned_to(CACHE_LINE);

/* This thread's, or NULL. */
extern __thread struct quarantine *quarantine_mine __attribute__((tls_model("initial-exec")));
extern u32 quarantine_closed; /* by a fork; read without a lock */

static inline u32 ring_of(u32 home, u32 cls)
{
	return home * NR_CLASSES + cls;
}

static inline u32 ring_waits(const struct ring *r)
{
	return (u32)(r->head - r->tail);
}

/* Roll its books into @gen. */
void quarantine_roll(struct quarantine *q, u64 gen);

/* Returns what quarantine_end() wants. */
static __always_inline u32 quarantine_begin(struct quarantine *q)
{
	u32 seq = q->seq + 1;
	u64 gen;

	WRITE_ONCE(q->seq, seq);
	if (lanes_locked())
		smp_mb(); /* pairs with snapshot_flip() and quarantine_close() */
	else
		barrier(); /* pairs with their rseq_fence() */
	gen = READ_ONCE(hot.gen);
	if (unlikely(q->gen != gen))
		quarantine_roll(q, gen);
	return seq;
}

static __always_inline void quarantine_end(struct quarantine *q, u32 seq)
{
	smp_store_release(&q->seq, seq + 1); /* pairs with seq_settle() */
}

/*
 * The short form, without a call: false where the books must roll first, or a fork has
 * it closed. quarantine_end() in any case. Not in lock mode.
 */
static __always_inline bool quarantine_begin_short(struct quarantine *q, u32 seq)
{
	WRITE_ONCE(q->seq, seq);
	barrier(); /* pairs with their rseq_fence() */
	return likely(q->gen == READ_ONCE(hot.gen) && !READ_ONCE(quarantine_closed));
}

/* Whether @p is in now; else quarantine_put() does it, or says why not. Not in lock mode. */
static __always_inline bool quarantine_try_put(struct quarantine *q, struct ring *r, void *p)
{
	u32 seq = q->seq + 1;
	bool room = false;

	if (unlikely(!(seq & 1)))
		return false;
	if (quarantine_begin_short(q, seq)) {
		u64 head = r->head;

		room = head - r->tail < r->limit;
		if (likely(room)) {
			r->slot[head & (r->cap - 1)] = p;
			WRITE_ONCE(r->head, head + 1);
		}
	}
	quarantine_end(q, seq);
	return room;
}

/*
 * The oldest object of a class, to be handed out; NULL where too few wait, or it is
 * sampled, or the books must roll. What was written to it is the caller's to see.
 * Not in lock mode. @sampled: there may be sampled ones.
 */
static __always_inline void *quarantine_again(struct quarantine *q, struct ring *r, bool sampled)
{
	u32 seq = q->seq + 1;
	void *p = NULL;

	if (unlikely(!(seq & 1)))
		return NULL;
	if (quarantine_begin_short(q, seq)) {
		u64 tail = r->tail;

		if (likely(r->head - tail > r->keep)) {
			p = r->slot[tail & (r->cap - 1)];
			if (!sampled ||
			    likely(READ_ONCE(hot.pagemap[addr_to_page(p)]) == r->block)) {
				check_prefetch(r->slot[(tail + 4) & (r->cap - 1)], r->bytes);
				WRITE_ONCE(r->tail, tail + 1);
			} else {
				p = NULL;
			}
		}
	}
	quarantine_end(q, seq);
	return p;
}

#endif
