/* SPDX-License-Identifier: MIT */
/*
 * threads.h - the threads that may hold references, and how the collector sees what
 * their stacks hold.
 *
 * A stack is scanned once a cycle, from a copy, which is made by the thread itself in a
 * signal handler: that is the only pause there is, and it is each thread's own. Whether
 * the handler takes the request, or the coordinator takes it back (the thread has
 * entered a blocking call meanwhile), or the thread does, which detaches, is decided by an
 * exchange of thread.asked.
 *
 * Between lane_gc_enter_blocking() and lane_gc_leave_blocking() the stack does not
 * change above thread.sp: the coordinator copies it (GC_COPYING), and a thread that
 * wants to leave waits for the end of that copy.
 *
 * Lock: threads.lock (RANK_GC_THREADS) protects the lists of those that are attached and of
 * records that nobody uses. A thread that detaches takes it, so that no signal is sent to one that
 * is gone. With signals blocked: the child of a fork makes the lists anew, so no handler may fork
 * where its own thread is at them. The list of all records only grows, and is read without.
 */
#ifndef GC_THREADS_H
#define GC_THREADS_H

#include "gc.h"

struct lane_gc_tracer;

extern u32 threads_attached; /* racy: for statistics */

/* Install the signal's handler. 0 or -errno. */
int threads_init(int signal);

/* A thread of Lane's own that runs the program's functions is to be asked for its stack, too. */
void threads_unblock_signal(void);
/* Have threads that end detached; before any attaches. 0 or -errno. */
int threads_make_key(void);

/*
 * What a thread needs to attach, before it is started, as one that runs cannot be given back; NULL
 * where there is no memory. Then one of: the new thread attaches with it, waiting where the C
 * library has no memory just now; or it is given back.
 */
struct gc_thread *thread_reserve(void);
void thread_attach_reserved(struct gc_thread *t);
void thread_unreserve(struct gc_thread *t);

/*
 * A thread that detaches has nothing to show, and may have the signal blocked: it takes back what
 * it was asked. Its own; threads.lock held, with which it is asked.
 */
void stack_decline(struct gc_thread *t);

/* Scan the stacks that were not scanned in this cycle; true where there were any. Coordinator. */
bool threads_scan(void);

/*
 * A thread whose stack was not scanned in this cycle, noted as scanned, with threads.lock held;
 * NULL, and it is not held, where there is none. threads_unlock() gives it back.
 */
struct gc_thread *threads_next_unscanned(void);
void threads_unlock(void);

/* Only the caller, if attached, is left: the child of a fork. */
void threads_after_fork(void);

/* Objects that were put into another one's slot so far; never falls. */
u64 threads_tiny_allocs(void);

/* The longest a handler took, ns, and how many there were. */
extern u64 threads_copy_max_ns;
extern u64 threads_copies;

/* The calling thread, attached; else NULL, or with debug builds the end. */
struct gc_thread *thread_self(const char *what);

#endif
