/* SPDX-License-Identifier: MIT */
/*
 * gc.h - what all of the collector shares: its phases, and the thread that uses it.
 *
 * A cycle (cycle.c), with nobody stopped:
 *
 *	OFF	all spans are swept; allocation hands out unmarked objects
 *	MARK	1. gc.barrier is set, one rseq fence: every store of a reference from
 *		   here on shades (write.c)
 *		2. each class hands out marked objects (gc_span.c, black), a grace
 *		   period, all CPU caches drained: every object handed out from here
 *		   on is marked
 *		3. roots and stacks are scanned, each once (roots.c, stack.c)
 *		4. workers and assists mark (mark.c) until nothing is grey: queues
 *		   empty, a grace period, still empty
 *	TERM	weak references and finalizers look at the marks (weak.c,
 *		finalizer.c); what finalizers need is marked, too
 *	SWEEP	gc.barrier = 0; spans are swept before they are allocated from,
 *		and in the background (sweep.c)
 *
 * Grace period. A thread inside gc_enter()..gc_exit() may act on the phase that it
 * saw: seq is odd. gc_synchronize() waits until each thread that was inside at the
 * call has left. The full barrier in gc_enter() pairs with the one in
 * gc_synchronize(), as book_begin() does with snapshot_flip() (stat.h): either the
 * waiter sees seq odd, or the thread sees what was stored before the wait.
 *
 * Lock order: kern_like/lockdep.h. Inside gc_enter() locks may be taken, but nothing
 * may be waited for. Who waits in gc_synchronize() holds no lock and is in no slow path: a handler
 * may fork where it interrupted a store inside gc_enter(), and waits for those then.
 */
#ifndef GC_GC_H
#define GC_GC_H

#include <lane/lane_gc.h>
#include <urcu/list.h>

#include "atomic.h"
#include "barrier.h"
#include "bug.h"
#include "collected.h"
#include "compiler.h"
#include "layout.h"
#include "spinlock.h"

/* What the words of an object are. The order is that of the CPU's caches. */
enum gc_kind {
	GC_NOSCAN,	 /* no references */
	GC_POINTERS,	 /* each is a reference or NULL */
	GC_CONSERVATIVE, /* each may be one */
	GC_TYPED,	 /* the last one of the slot says (type.h) */
	GC_LAYOUT,	 /* from here on: the span's layout says (type.h) */
	GC_KINDS = GC_LAYOUT + 8,
};
BUILD_BUG_ON(GC_KINDS != COLLECTED_KINDS);

enum gc_phase { GC_OFF, GC_MARK, GC_TERM, GC_SWEEP };

struct gc_state {
	/*
	 * Not 0: a store of a reference shades. Coordinator; another number in each cycle, and
	 * where locked 1, always.
	 */
	u32 barrier;
	u32 phase;    /* enum gc_phase; coordinator, read without lock */
	u32 marking;  /* allocation is charged: MARK or TERM; coordinator */
	u32 flipped;  /* and no store is left that does not shade; coordinator */
	u64 limit;    /* bytes from space.base where collected objects may lie; 0 before init */
	u64 cycle;    /* begun so far; coordinator, read without lock */
	bool locked;  /* lock mode at lane_gc_init(); Lane's constructor may come to it later */
	bool ready;   /* lane_gc_init() is done */
	bool failed;  /* no cycle could begin the last time: membarrier was refused, or a fork's
			 child has no threads; coordinator, and the child */
	bool stalled; /* a thread cannot be asked for its stack just now; coordinator */
	u32 check;    /* verify at mark termination, poison what is swept: conf gc_check */
};

extern struct gc_state gc __aligned_to(CACHE_LINE);

/* A thread's stack as it was shown to the collector. */
struct gc_copy {
	char *buf;	/* pages of its own */
	size_t cap;	/* bytes of them */
	size_t len;	/* bytes copied; more than cap: too small, and nothing was copied */
	u32 answer;	/* futex, enum gc_answer; the thread */
	u64 took_ns;	/* in the handler */
	uintptr_t tiny; /* the thread's, at the same moment */
};

enum gc_answer {
	COPY_ASKED,
	COPY_DONE,
	COPY_LATER, /* the thread runs on another stack just now, or is about to be gone */
};

enum gc_thread_state { GC_RUNNING, GC_BLOCKED, GC_COPYING };

/* How a thread begins that lane_gc_pthread_create() makes. */
struct gc_start {
	void *(*fn)(void *);
	struct lane_gc_handle *handle; /* of the argument, */
	void *plain;		       /* or it, where it is no reference */
};

struct gc_thread {
	u32 depth;	       /* of nested gc_enter(); own thread */
	bool assisting;	       /* code that runs now must not assist; own thread */
	s64 credit;	       /* bytes it may allocate before it assists; own thread (assist.c) */
	s64 again;	       /* credit from which on it asks for work again; likewise */
	uintptr_t tiny;	       /* next free byte of its shared slot, 0 for none; own thread */
	u32 state;	       /* enum gc_thread_state; cmpxchg by own thread and coordinator */
	u64 scanned;	       /* cycle that its stack was last scanned in; coordinator */
	u64 cycle;	       /* that credit is of; own thread */
	pid_t tid;	       /* constant but for a fork, as are the next two */
	uintptr_t low;	       /* end of its stack that it grows towards */
	uintptr_t base;	       /* where it began */
	uintptr_t sp;	       /* while GC_BLOCKED: from where it is to be read; own thread */
	struct gc_copy *asked; /* set by the coordinator under threads.lock; taken by its own
				  thread, or back */
	struct cds_list_head link;  /* threads.lock */
	struct cds_list_head queue; /* in credit's queue (assist.c), its lock */
	u32 wake;		    /* futex of a thread in the queue */
	uintptr_t regs[20];	    /* while GC_BLOCKED: its callee-saved registers */
	struct gc_start start;	    /* its creator's, until it runs */
	/* From here on it stays when the record is another thread's; others look without a lock. */
	struct gc_thread *next_all; /* of all that were ever made; constant */
	u32 seq;		    /* odd inside gc_enter(); own thread */
	bool reserved;		    /* somebody has it who is not attached yet; threads.lock */
	u64 tiny_allocs;	    /* objects that share slots; own thread, read by statistics */
};

extern __thread struct gc_thread *gc_self __attribute__((tls_model("initial-exec")));

static inline void gc_enter(struct gc_thread *t)
{
	if (t->depth++)
		return;
	WRITE_ONCE(t->seq, t->seq + 1);
	smp_mb(); /* pairs with gc_synchronize() */
}

static inline void gc_exit(struct gc_thread *t)
{
	if (--t->depth)
		return;
	smp_store_release(&t->seq, t->seq + 1); /* pairs with seq_settle() */
}

/* Return once every thread that was inside gc_enter() at the call has left. */
void gc_synchronize(void);

#endif
