/* SPDX-License-Identifier: MIT */
/*
 * quarantine.h - where freed objects wait in check:full, so that a second free, or a
 * write, comes before anybody else has them.
 *
 * Small objects: each thread has a first-in-first-out ring for each home and class. Those of
 * a class hold conf.check_quarantine bytes together but at least RING_MIN objects: the first
 * one may have all, and one that is full takes from that which may hold most
 * (ring.limit), until they are even. While more than three quarters of that wait, malloc takes
 * the oldest (quarantine_ring.h). From a full ring the oldest go on, by batches, into the CPU
 * cache of their class as a refill, or home; each is looked at before (check_let_go()). A small
 * ring passes on what the CPU cache takes at once without the door. A thread that ends lets all
 * go, and so does the child of a fork for the threads that it does not have. Its struct serves
 * another thread then, once a handler cannot find it any more, with what one has freed into it
 * meanwhile; it is never freed. A thread whose first free comes behind its destructors cannot do
 * that: who needs a quarantine looks for such ones before it makes one more, and takes over what
 * waits there.
 *
 * Large objects: one FIFO for the process, LARGE_SHARE times as large.
 *
 * What is here has been freed by the program and is counted so; it is Lane's, like
 * what is cached.
 *
 * Books. A ring is its own: head, the frees; tail, those that left; out, those of them that
 * were let go, the rest having been handed out again. They are cumulative; the owner writes
 * them without a lock:
 *
 *	seq odd; barrier() (in lock mode smp_mb()); load hot.gen and closed
 *	gen is new: base = cur, then gen
 *	change
 *	seq even (release)
 *
 * The reader (snapshot.c) stores hot.gen, then rseq_fence(), which is a full barrier
 * in every running thread, then waits while seq is odd. So it sees seq odd where the
 * owner loaded the old generation and is not through. What malloc and free do in line
 * rolls nothing: where gen is new it leaves, and the call behind it begins anew. In lock
 * mode, which has only that call, the smp_mb() pairs with the reader's. fork waits in the same way
 * for owners that saw closed = 0, with the door closed, which is where an owner that sees 1 waits.
 * An owner whose handler forks is a forker (slow_path.c): a fork from outside makes way for it,
 * another forker's passes it over. That one's child has the ring in the middle of the change: it is
 * whole at any point, and what was between it and the CPU's cache stays live or in transit there.
 *
 * A signal handler that finds seq odd has interrupted its own thread here and must
 * not come in: QUARANTINE_BUSY. Nor may it wait for a reader or a fork, which may wait for seq:
 * quarantine_interrupted().
 *
 * Lock: RANK_QUARANTINE protects the list of those without a thread, and the FIFO of
 * large objects. Taken inside a slow path only.
 */
#ifndef PERCPU_QUARANTINE_H
#define PERCPU_QUARANTINE_H

#include "compiler.h"
#include "span.h"
#include "tally.h"

#define RING_MIN 4u	  /* objects */
#define RING_MAX 16384u	  /* objects */
#define LARGE_SHARE 16u	  /* times conf.check_quarantine */
#define LARGE_OBJECTS 64u /* at most */

enum quarantine_result {
	QUARANTINED,
	QUARANTINE_BUSY, /* a handler interrupted its own thread in here, or in a slow path */
	QUARANTINE_GONE, /* the thread is ending, or there is no memory for one */
};

/* Once, in the constructor. 0 or -errno. */
int quarantine_init(void);

/* @inside: the caller is inside a slow path. */
enum quarantine_result quarantine_put(void *p, u32 cls, u32 home, bool inside);

/* Inside a slow path. @s: a large span whose object was just freed. */
void quarantine_large(struct span *s);

/* What is held and was freed, at the present cut. Reader's lock held. */
void quarantine_read(struct tally *t);

/* The same from the rings themselves; for the walk. */
void quarantine_walk(struct tally *t);

/*
 * In a handler, or what it calls: whether its thread was changing its quarantine. Readers and forks
 * may wait for the end of that, with locks held or the door closed.
 */
bool quarantine_interrupted(void);

/* The process ends in such a handler: nobody is to wait for that any more. */
void quarantine_abandon(void);

/*
 * fork(): after the door closed; in parent and child, before it opens; the child, after that.
 * close: false, from outside, with quarantines open again: a forker has to go first, or one is not
 * at rest by then.
 */
bool quarantine_close(u32 patience_ms);
void quarantine_open(void);
void quarantine_fork_child(void);

#endif
