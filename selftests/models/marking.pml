// SPDX-License-Identifier: MIT
/*
 * marking.pml - marking beside running threads loses no object.
 *
 * One cycle of the collector: flip, fence, grace period, flipped, drain, scan, mark,
 * terminate, sweep. Mutators load, store through the barrier, allocate and
 * free explicitly all the while, from any initial heap. Checked when the
 * collector leaves MARK, and after it.
 *
 * Left out: size classes; more than one grey queue (grey is a set, and any object of it may
 * come next); weaker memory order (prof_cycle.pml has the store buffer at a section's
 * entry); weak references and finalizers (weak.pml). Stopping a lane is one step (stop.pml).
 *
 * Termination, in this order: pushed = 0; queue empty; no marker busy; grace period; nothing
 * pushed meanwhile. "Still empty" is not enough (twin EMPTY_IS_ENOUGH), nor is it to ask
 * for busy markers after the grace period (twin BUSY_AFTER_GRACE).
 *
 * verify: list -DOBJECTS=4 -DCHAIN -DSTEPS=2
 * verify: own-stack -DCHAIN -DSTEPS=2 -DOWN_STACK
 * long: explicit-free -DMUTATORS=1 -DSTEPS=3 -DFREE
 * verify: two-fields -DMUTATORS=1 -DSTEPS=2 -DFIELDS=2 -DFREE
 * verify: attach -DATTACH -DSTEPS=2
 * long: shared -DSHARED -DOBJECTS=2 -DSTEPS=3
 * verify: root-pieces -DMUTATORS=1 -DSTEPS=2 -DFIELDS=2 -DROOT_JOB
 * long: any-heap -DSTEPS=2
 * long: four-steps -DMUTATORS=1 -DSTEPS=4
 * long: three-steps -DCHAIN -DSTEPS=3
 * long: three-steps-own-stack -DCHAIN -DSTEPS=3 -DOWN_STACK
 * long: attach-three-steps -DATTACH -DSTEPS=3
 * twin: NO_DELETION_SHADE lost
 * twin: NO_INSERTION_SHADE lost
 * twin: KNOWN_BY_VALUE lost
 * twin: NO_TERMINATION_GRACE lost
 * twin: EMPTY_IS_ENOUGH lost -DOBJECTS=4 -DCHAIN -DONLY_LOST
 * twin: BUSY_AFTER_GRACE lost -DMUTATORS=1 -DCHAIN -DONLY_LOST
 * twin: NO_FENCE lost
 * twin: NO_FLIP_GRACE lost -DMUTATORS=1
 * twin: EARLY_SCAN lost -DSHARED -DOBJECTS=2
 * twin: NO_DRAIN white_in_cache
 * twin: REFILL_WHITE lost
 * twin: SCAN_BEFORE_DRAIN lost
 * twin: NO_SWEEP_GRACE stale_mark
 * twin: FREE_WITHOUT_SHADE lost -DFREE -DMUTATORS=1
 * twin: FREE_TO_CACHE white_in_cache -DFREE
 * twin: ATTACH_SCANNED lost -DATTACH
 * twin: ROOT_NOT_BUSY lost -DMUTATORS=1 -DCHAIN -DROOT_JOB -DONLY_LOST
 */
#ifndef OBJECTS
#define OBJECTS 3 /* numbered from 1; number 0 is the root range, and as a value it is NULL */
#endif
#ifndef FIELDS
#define FIELDS 1
#endif
#ifndef MUTATORS
#define MUTATORS 2
#endif
#ifndef REGS
#define REGS 2
#endif
#ifndef STEPS
#define STEPS 3 /* operations of all mutators together */
#endif

#define OFF 0
#define MARK 1
#define SWEEP 2

#define BIT(o) (1 << (o))
#define ALL ((1 << (OBJECTS + 1)) - 2)
#define SLOT(o, i) slot[(o) * FIELDS + (i)]
#define REG(t, i) reg[(t) * REGS + (i)]

byte phase = OFF;
bool flipped;			       /* no store is left that does not shade */
bool sweeping;			       /* mark bits are being read and cleared */
byte slot[(OBJECTS + 1) * FIELDS];
byte reg[MUTATORS * REGS];	       /* registers and stack of a thread */
byte unused;			       /* set: objects in the central lists */
byte cache[MUTATORS];		       /* a lane's cache, of one object or 0 */
byte hand[MUTATORS];		       /* object on its way from a list to a cache */
byte mark;			       /* set: mark bits */
byte grey;			       /* set: the queue */
bool pushed;			       /* something was queued since the collector cleared this */
#ifdef ROOT_JOB
byte piece;			       /* of the root range: the next to be taken */
#endif
byte busy;			       /* markers that may hold an object */
byte fast[MUTATORS];		       /* 1 in a restartable sequence, 2 it must restart */
bool inside[MUTATORS];		       /* in a slow section: the counter is odd */
bool awaited[MUTATORS];		       /* a grace period waits for this section */
bool attached[MUTATORS];
bool scanned[MUTATORS];
byte steps;			       /* operations begun */

/* What is checked. */
bool lost;	     /* a reachable object is unmarked at the end of marking */
bool white_in_cache; /* sweeping would free what a cache or a refill holds */
bool stale_mark;     /* a mark bit was set while sweeping reads and clears them */

#ifdef ONLY_LOST
#define check_stale() skip
#else
#define check_stale() assert(!stale_mark)
#endif

inline test_and_set(o, fresh)
{
	d_step {
		fresh = o != 0 && (mark & BIT(o)) == 0;
		if
		:: fresh ->
			mark = mark | BIT(o);
			stale_mark = stale_mark || sweeping
		:: else
		fi;
		check_stale()
	}
}

/* Not one step: whoever stops between them holds an object that nobody sees. */
inline shade(o, fresh)
{
	test_and_set(o, fresh);
	if
	:: fresh ->
		d_step {
			grey = grey | BIT(o);
			pushed = true;
			fresh = 0
		}
	:: else
	fi
}

/* One step for who is counted in busy, or is the collector: nobody ends the marking meanwhile. */
inline shade_busy(o)
{
	d_step {
	if
	:: o != 0 && (mark & BIT(o)) == 0 ->
		mark = mark | BIT(o);
		grey = grey | BIT(o);
		pushed = true;
		stale_mark = stale_mark || sweeping
	:: else
	fi;
	o = 0;
	check_stale()
	}
}

#include "marking_mutator.h"

proctype marker()
{
	byte o, child;

	do
	:: atomic {
#ifdef TWIN_EARLY_SCAN
		grey != 0;
#else
		grey != 0 && flipped;
#endif
		busy++;
		if
#ifdef ROOT_JOB
		:: grey & BIT(0) -> o = 0
#endif
		:: grey & BIT(1) -> o = 1
		:: grey & BIT(2) -> o = 2
#if OBJECTS > 2
		:: grey & BIT(3) -> o = 3
#endif
#if OBJECTS > 3
		:: grey & BIT(4) -> o = 4
#endif
		fi;
#ifdef ROOT_JOB
		if
		:: o == 0 ->
			/* One piece; the rest is queued again before it is scanned. */
			child = SLOT(0, piece);
			piece++;
			pushed = true;
			grey = (piece == FIELDS -> grey & ~BIT(0) : grey);
#ifdef TWIN_ROOT_NOT_BUSY
			busy--
#endif
		:: else ->
			grey = grey & ~BIT(o);
			child = SLOT(o, 0)
		fi
#else
		grey = grey & ~BIT(o);
		child = SLOT(o, 0)
#endif
	   };
	   shade_busy(child);
#if FIELDS == 2 && defined(ROOT_JOB)
	   if
	   :: o != 0 ->
		child = SLOT(o, 1);
		shade_busy(child)
	   :: else
	   fi;
#elif FIELDS == 2
	   child = SLOT(o, 1);
	   shade_busy(child);
#endif
	   d_step {
#ifdef TWIN_ROOT_NOT_BUSY
		busy = (o == 0 -> busy : busy - 1);
#else
		busy--;
#endif
		o = 0
	   }
	:: phase == SWEEP && sweeping -> break
	od
}

inline grace()
{
	d_step {
		awaited[0] = inside[0];
#if MUTATORS == 2
		awaited[1] = inside[1]
#endif
	}
#if MUTATORS == 2
	!awaited[0] && !awaited[1]
#else
	!awaited[0]
#endif
}

inline scan_stack(t)
{
	if
	:: attached[t] && !scanned[t] ->
		/* Copied by the thread itself, in a signal handler. */
		d_step {
			copy[0] = REG(t, 0);
			copy[1] = REG(t, 1);
			scanned[t] = true
		}
		shade_busy(copy[0]);
		shade_busy(copy[1])
	:: else
	fi
}

inline drain(t)
{
	d_step {
		if
		:: cache[t] ->
			unused = unused | BIT(cache[t]);
			cache[t] = 0
		:: else
		fi
	}
}

proctype collector()
{
	byte i, v, reach, before;
	byte copy[REGS];
	bool fresh;

	phase = MARK;
#ifndef TWIN_NO_FENCE
	fast[0] = (fast[0] -> 2 : 0);
#if MUTATORS == 2
	fast[1] = (fast[1] -> 2 : 0);
#endif
#endif
#ifndef TWIN_NO_FLIP_GRACE
	grace();
#endif
	flipped = true;
#ifdef TWIN_SCAN_BEFORE_DRAIN
	scan_stack(0);
#endif
#ifndef TWIN_NO_DRAIN
	drain(0);
#if MUTATORS == 2
	drain(1);
#endif
#endif
#ifdef ROOT_JOB
	d_step {
		grey = grey | BIT(0);
		pushed = true
	}
#else
	v = SLOT(0, 0);
	shade_busy(v);
#if FIELDS == 2
	v = SLOT(0, 1);
	shade_busy(v);
#endif
#endif
mark_on:
	scan_stack(0);
#if MUTATORS == 2
	scan_stack(1);
#endif
	pushed = false;
	/* In this order: what a marker holds was queued, and what it finds will be. */
	grey == 0;
#ifndef TWIN_BUSY_AFTER_GRACE
	busy == 0;
#endif
#ifndef TWIN_NO_TERMINATION_GRACE
	grace();
#endif
	d_step {
#ifdef TWIN_EMPTY_IS_ENOUGH
		fresh = busy != 0 || grey != 0 || STACKS_GREY;
#else
		fresh = busy != 0 || pushed || STACKS_GREY;
#endif
		i = 0
	}
	if
	:: fresh ->
		fresh = 0;
		goto mark_on
	:: else
	fi;
	d_step {
		phase = SWEEP;
		/* What is reachable now? */
		i = 0;
		do
		:: i < MUTATORS * REGS -> reach = reach | BIT(reg[i]); i++
		:: else -> break
		od;
		reach = reach | 1;
		do
		:: reach != before ->
			before = reach;
			i = 0;
			do
			:: i < (OBJECTS + 1) * FIELDS ->
				reach = (reach & BIT(i / FIELDS) -> reach | BIT(slot[i]) : reach);
				i++
			:: else -> break
			od
		:: else -> break
		od;
		lost = (reach & ALL & ~mark) != 0;
		assert(!lost);
		i = 0;
		do
		:: i < MUTATORS ->
			white_in_cache = white_in_cache || (BIT(cache[i]) & ALL & ~mark) != 0 ||
					 (BIT(hand[i]) & ALL & ~mark) != 0;
			i++
		:: else -> break
		od;
		assert(!white_in_cache);
		i = 0;
		reach = 0;
		before = 0
	}
#ifndef TWIN_NO_SWEEP_GRACE
	grace();
#endif
	d_step {
		sweeping = true;
		mark = 0
	}
}

init {
	atomic {
#ifdef SHARED
		/* Both hold an object of the root range, one a new one, too. */
		SLOT(0, 0) = 1;
		REG(0, 0) = 1;
		REG(1, 0) = 1;
		REG(1, 1) = OBJECTS;
#elif defined(CHAIN)
		/* A list, which both hold or one. */
		SLOT(0, 0) = 1;
		SLOT(1, 0) = 2;
		SLOT(2, 0) = 3;
#if OBJECTS > 3
		SLOT(3, 0) = 4;
#endif
		REG(0, 0) = 1;
#if MUTATORS == 2
		if
		:: REG(1, 0) = 1
		:: skip
		fi;
#endif
#else
		/* Heaps of all objects but the last, which a lane or the central list has. */
		if
		:: SLOT(0, 0) = 1
		:: skip
		fi;
		if
		:: SLOT(1, FIELDS - 1) = OBJECTS - 1
		:: skip
		fi;
		if
		:: REG(0, 0) = 1
		:: skip
		fi;
#if MUTATORS == 2 && !defined(ATTACH)
		if
		:: REG(1, 0) = OBJECTS - 1
		:: skip
		fi;
#endif
		if
		:: cache[0] = OBJECTS
		:: cache[MUTATORS - 1] = OBJECTS
		:: unused = BIT(OBJECTS)
		fi;
#endif
		attached[0] = true;
#if MUTATORS == 2 && !defined(ATTACH)
		attached[1] = true;
#endif
		run collector();
		run marker();
		run mutator(0);
#if MUTATORS == 2
		run mutator(1);
#endif
	}
}
