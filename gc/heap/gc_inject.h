/* SPDX-License-Identifier: MIT */
/*
 * gc_inject.h - test points between the steps of the collector, and steps that can be left
 * out; in the test build only (LANE_RSEQ_INJECT), else nothing.
 *
 * A thread that comes to a point calls gc_test.at, which may sleep or yield there. Some
 * points lie under a lock, so it must not call the library.
 */
#ifndef GC_GC_INJECT_H
#define GC_GC_INJECT_H

#include "compiler.h"

enum gc_point {
	AT_PHASE,	 /* turn_on(): the phase is MARK, stores do not shade yet */
	AT_BARRIER,	 /* gc.barrier is set, no fence yet */
	AT_FENCE,	 /* stores shade, what is handed out is not marked */
	AT_BLACK,	 /* before the grace period */
	AT_SYNCHRONIZED, /* before CPU caches are drained */
	AT_DRAINED,	 /* before roots are queued */
	AT_ROOTS,	 /* they were, and no stack scanned yet */
	AT_ROOT_PIECE,	 /* marker: a piece of a root range is taken, and not read yet */
	AT_SHADED,	 /* by a barrier: marked, and not queued yet */
	AT_QUEUE,	 /* put into a queue, whose lock is held */
	AT_SHADE,	 /* slow barrier: before anything */
	AT_SHADED_OLD,	 /* between the two shades */
	AT_SHADED_NEW,	 /* before the store */
	AT_KNOWN,	 /* quick store while marking: nothing to shade, not stored yet */
	AT_STORE,	 /* what is told from gc.marking is told, and not stored yet */
	AT_MAPPED,	 /* a new span is in the map, nobody has a slot of it */
	AT_TAKE,	 /* a slot is about to be marked and taken; class lock held */
	AT_TAKEN,	 /* taken, and not zeroed yet */
	AT_REFILL,	 /* between take and put */
	AT_STACK,	 /* handler: before the copy */
	AT_COPIED,	 /* coordinator: a copy is about to be scanned */
	AT_FIRST_LOOK,	 /* nothing_is_grey(): between its looks */
	AT_SECOND_LOOK,	 /* before the second */
	AT_TERMINATE,	 /* phase TERM, before the grace period */
	AT_CLEAR,	 /* weak references are about to be cleared */
	AT_CLEARED,	 /* weak references are, before it is looked who has a finalizer */
	AT_PIECE,	 /* some objects with finalizers were looked at; no lock, no slow path */
	AT_OFF,		 /* marking has ended, no class has turned */
	AT_TURN,	 /* between the turns of two classes */
	AT_SWEEP,	 /* before a span is swept; class lock not held */
	AT_GATHERED,	 /* its marks are known, it is in no list; class lock not held */
	AT_MARKED,	 /* marker: before it gives back what it has */
	AT_SHARED,	 /* marker: half of what it had is in the queues */
	AT_TINY,	 /* a slot for small objects is had, and not noted */
	NR_GC_POINTS,
};

struct gc_test {
	void (*at)(enum gc_point point);
	/* Broken twins. */
	bool no_deletion_shade;
	bool no_insertion_shade;
	bool no_grace;	   /* at termination */
	bool no_drain;	   /* CPU caches keep unmarked objects while marking runs */
	bool early_scan;   /* nobody waits for stores that do not shade */
	bool no_last_look; /* at what was shaded before finalizers were queued */
};

#ifdef LANE_RSEQ_INJECT
/* One for all files that include this. */
__attribute__((weak, visibility("hidden"))) struct gc_test gc_test;

#define GC_INJECT(point)                                                                           \
	do {                                                                                       \
		if (gc_test.at)                                                                    \
			gc_test.at(point);                                                         \
	} while (0)
#define GC_TWIN(name) unlikely(gc_test.name)
#else
#define GC_INJECT(point) ((void)(point))
#define GC_TWIN(name) false
#endif

#endif
