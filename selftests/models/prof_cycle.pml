// SPDX-License-Identifier: MIT
/*
 * prof_cycle.pml - cycles of the heap profile for collected objects.
 *
 * The cycle number C grows at mark termination, which waits for nobody. A writer, inside
 * a section (its counter is odd), loads C and adds its event: an allocation or an
 * explicit free to future[(C + 2) % 3], a free found by sweeping to
 * future[(C + 1) % 3]. A flush publishes future[C % 3], once in a cycle, after a grace period
 * over the sections; the next cycle begins after the flush of the last.
 *
 * So an object that is allocated in cycle C and found dead by the sweep that follows
 * the next termination is published in one flush: C + 2 = (C + 1) + 1.
 *
 * A section's entry is a store, its counter, before the load of C. Without the barrier between
 * them the store may wait in the store buffer: the twin has them the other way round.
 *
 * verify: two-cycles
 * verify: three-cycles -DCYCLES=3 -DOBJECTS=1
 * long: four-cycles -DCYCLES=4
 * twin: NO_GRACE late
 * twin: NO_BARRIER late
 * twin: SWEEP_TO_C2 split
 * twin: SWEEP_TO_C late
 * twin: NEXT_BEFORE_FLUSH missing -DCYCLES=4
 */
#ifndef CYCLES
#define CYCLES 2 /* while threads allocate; three more publish what is left */
#endif
#ifndef OBJECTS
#define OBJECTS 2 /* one of each thread */
#endif
#define WRITERS (OBJECTS + 1) /* the last one sweeps */
#define SWEEPER OBJECTS
#define ALLOC 0
#define FREE 1
#define BIT(o) (1 << (o))

byte C;
byte flushed;		  /* the last cycle that was published */
byte future[6];		  /* sets of objects: allocations, frees of three cycles */
byte in_allocs, in_frees; /* published */
bool inside[WRITERS], awaited[WRITERS];
byte added[2];		  /* all events, by kind */
byte garbage;		  /* allocated, and dropped without a free */
byte dead;		  /* of those, found by the sweeps so far */
byte dead_before;	  /* likewise, by the sweeps before the last termination */
byte finished;		  /* threads */

bool late;		  /* an event was added to a cycle that is published */
bool negative;		  /* a free is published without its allocation */
bool split;		  /* the allocation is published, and not the free of its sweep */
bool missing;		  /* an event was never published, or twice */

/* The load of C, in a section. */
inline enter(w)
{
#ifdef TWIN_NO_BARRIER
	c = C;
	inside[w] = true
#else
	inside[w] = true;
	c = C
#endif
}

inline add(w, o, kind, ahead)
{
	d_step {
		late = flushed >= c + ahead;
		assert(!late);
		missing = missing || (added[kind] & BIT(o)) != 0;
		future[kind * 3 + (c + ahead) % 3] = future[kind * 3 + (c + ahead) % 3] | BIT(o);
		added[kind] = added[kind] | BIT(o);
		c = 0
	}
	d_step {
		inside[w] = false;
		awaited[w] = false
	}
}

/* Allocates, and frees or drops. */
proctype thread(byte t)
{
	byte c;

	enter(t);
	add(t, t, ALLOC, 2);
	if
	:: enter(t);
	   add(t, t, FREE, 2)
	:: garbage = garbage | BIT(t)
	:: skip
	fi;
	finished++
}

proctype collector()
{
	byte c, o, condemned;

	do
	:: C == CYCLES + 3 -> break
	:: C < CYCLES || (finished == OBJECTS && C < CYCLES + 3) ->
		/* Mark. */
		condemned = garbage & ~dead;
#ifndef TWIN_NEXT_BEFORE_FLUSH
		flushed == C;
#endif
		d_step {
			C++;
			dead_before = dead
		}
		o = 0;
		do
		:: o < OBJECTS ->
			if
			:: condemned & BIT(o) ->
				enter(SWEEPER);
#if defined(TWIN_SWEEP_TO_C2)
				add(SWEEPER, o, FREE, 2);
#elif defined(TWIN_SWEEP_TO_C)
				add(SWEEPER, o, FREE, 0);
#else
				add(SWEEPER, o, FREE, 1);
#endif
			:: else
			fi;
			o++
		:: else -> break
		od;
		atomic {
			dead = dead | condemned;
			condemned = 0;
			o = 0
		}
	od
}

/* Each cycle is published once; a reader's lock makes that one step for it. */
proctype flusher()
{
	byte w, now, swept;

	do
	:: flushed == CYCLES + 3 -> break
	:: C > flushed ->
		d_step {
			now = C;
			swept = dead_before
		}
#ifndef TWIN_NO_GRACE
		w = 0;
		do
		:: w < WRITERS -> awaited[w] = inside[w]; w++
		:: else -> break
		od;
		w = 0;
		do
		:: w < WRITERS -> !awaited[w]; w++
		:: else -> break
		od;
		w = 0;
#endif
		atomic {
			in_allocs = in_allocs | future[now % 3];
			in_frees = in_frees | future[3 + now % 3];
			future[now % 3] = 0;
			future[3 + now % 3] = 0;
			flushed = now;
			negative = (in_frees & ~in_allocs) != 0;
			assert(!negative);
			split = (in_allocs & swept & ~in_frees) != 0;
			assert(!split);
			now = 0;
			swept = 0
		}
	od
}

init {
	atomic {
		run thread(0);
#if OBJECTS > 1
		run thread(1);
#endif
		run collector();
		run flusher()
	}
	_nr_pr == 1;
	d_step {
		missing = missing || in_allocs != added[ALLOC] || in_frees != added[FREE] ||
			  (garbage & ~added[FREE]) != 0;
		assert(!missing)
	}
}
