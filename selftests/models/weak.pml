// SPDX-License-Identifier: MIT
/*
 * weak.pml - weak references and finalizers at the end of marking.
 *
 * Object 1 refers to object 2. Weak references w[1], w[2] lead to them; the
 * root range or a register may hold 1 at first. A weak get makes reachable what was not, so
 * the rule of marking.pml is not enough here. There is one more phase:
 *
 *	MARK	get shades what it returns, inside a section
 *	TERM	get returns what is marked; for anything else it waits, outside of
 *		its section, until TERM is over
 *
 * The collector enters TERM when the queue is empty and no marker is busy, waits a grace
 * period, and goes back to MARK where something was pushed. Else it
 * clears the weak references to what is unmarked, waits once more (a get that loaded
 * its reference before it was cleared), then marks from objects with finalizers, and
 * goes to SWEEP. A thread waits in TERM for grace periods only, while it calls get.
 *
 * long: one-step -DSTEPS=1
 * verify: finalizer -DSTEPS=1 -DFINALIZER
 * long: two-steps
 * long: two-steps-finalizer -DFINALIZER
 * long: three-steps -DSTEPS=3 -DFINALIZER
 * twin: GET_WITHOUT_SHADE lost
 * twin: NO_TERM found_dead
 * twin: NO_TERM_GRACE lost
 * twin: TERM_IS_NULL null_while_live
 * twin: TERM_RETURNS_WHITE lost
 * twin: FINALIZER_FIRST found_dead -DFINALIZER
 * twin: NO_CLEAR_GRACE found_dead -DFINALIZER
 * twin: NOT_CLEARED found_dead
 */
#ifndef STEPS
#define STEPS 2 /* operations of a thread */
#endif
#define THREADS 2
#define OFF 0
#define MARK 1
#define TERM 2
#define SWEEP 3
#define BIT(o) (1 << (o))

byte phase = OFF;
byte root;		/* 0 or 1 */
byte w[3];		/* weak references, by object; 0: cleared */
byte reg[THREADS];
byte mark, grey, busy;
bool pushed;
bool inside[THREADS], awaited[THREADS], scanned[THREADS];
bool grave[3];		/* found unreachable: swept, or its finalizer will run */

bool lost;		/* a thread holds what is not marked at the end */
bool null_while_live;	/* a get returned NULL, later the object turned out to be live */
bool found_dead;	/* a get returned what had been found unreachable */
byte said_null;		/* set: objects of which a get returned NULL */

inline test_and_set(o, fresh)
{
	d_step {
		fresh = o != 0 && (mark & BIT(o)) == 0;
		mark = (fresh -> mark | BIT(o) : mark)
	}
}

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

inline leave(t)
{
	d_step {
		inside[t] = false;
		awaited[t] = false
	}
}

inline child_of(o, c)
{
	c = (o == 1 -> 2 : 0)
}

proctype thread(byte t)
{
	byte step, p, o, k;
	bool fresh;

	do
	:: step < STEPS && phase != SWEEP ->
		step++;
		if
		:: reg[t] = 0
		:: reg[t] == 1 -> reg[t] = 2 /* load of the field */
		:: d_step { root == 1; reg[t] = 1 }
		:: root == 1 ->
			/* root = NULL, by the slow barrier or by a fast store before the flip */
			d_step {
				inside[t] = true;
				p = phase
			}
			if
			:: p == MARK || p == TERM ->
				o = root;
				shade(o, fresh)
			:: else
			fi;
			root = 0;
			leave(t)
		:: k = 1;
			goto get
		:: k = 2;
get:
			atomic {
				inside[t] = true;
				p = phase
			}
			o = w[k];
			if
#ifndef TWIN_GET_WITHOUT_SHADE
			:: p == MARK && o -> shade(o, fresh)
#endif
			:: p == TERM && o && (mark & BIT(o)) == 0 ->
#ifdef TWIN_TERM_IS_NULL
				o = 0
#endif
#if !defined(TWIN_TERM_RETURNS_WHITE) && !defined(TWIN_TERM_IS_NULL)
				leave(t);
				phase != TERM;
				goto get
#endif
			:: else
			fi;
			d_step {
				reg[t] = o;
				found_dead = found_dead || (o != 0 && grave[o]);
				assert(!found_dead);
				said_null = (o == 0 -> said_null | BIT(k) : said_null);
				null_while_live = null_while_live ||
						  (o != 0 && (said_null & BIT(o)) != 0);
				assert(!null_while_live);
				inside[t] = false;
				awaited[t] = false
			}
		fi;
		p = 0;
		o = 0;
		k = 0
	:: step == STEPS || phase == SWEEP -> break
	od
}

proctype marker()
{
	byte o, c;
	bool fresh;

	do
	:: atomic {
		grey != 0;
		busy++;
		if
		:: grey & BIT(1) -> o = 1
		:: grey & BIT(2) -> o = 2
		fi;
		grey = grey & ~BIT(o)
	   };
	   child_of(o, c);
	   shade(c, fresh);
	   d_step {
		busy--;
		o = 0;
		c = 0
	   }
	:: phase == SWEEP -> break
	od
}

inline grace()
{
	d_step {
		awaited[0] = inside[0];
		awaited[1] = inside[1]
	}
	!awaited[0] && !awaited[1]
}

proctype collector()
{
	byte v, held;
	bool fresh;

	phase = MARK;
	grace();
	v = root;
	shade(v, fresh);
	d_step {
		v = reg[0];
		scanned[0] = true
	}
	shade(v, fresh);
	d_step {
		v = reg[1];
		scanned[1] = true
	}
	shade(v, fresh);
	v = 0;
mark_on:
	pushed = false;
	grey == 0;
	busy == 0;
#ifdef TWIN_NO_TERM
	grace();
#else
	phase = TERM;
#ifndef TWIN_NO_TERM_GRACE
	grace();
#endif
#endif
	if
	:: pushed ->
		phase = MARK;
		goto mark_on
	:: else
	fi;
	/* Decided: what is unmarked is unreachable. */
	d_step {
		held = BIT(reg[0]) | BIT(reg[1]) | BIT(root);
		held = (held & BIT(1) -> held | BIT(2) : held);
		lost = (held & 6 & ~mark) != 0;
		assert(!lost);
		grave[1] = (mark & BIT(1)) == 0;
		grave[2] = (mark & BIT(2)) == 0
	}
#ifdef TWIN_FINALIZER_FIRST
	v = 1;
	shade(v, fresh);
#endif
#ifndef TWIN_NOT_CLEARED
	w[1] = (grave[1] -> 0 : w[1]);
	w[2] = (grave[2] -> 0 : w[2]);
#endif
#ifdef FINALIZER
#ifndef TWIN_NO_CLEAR_GRACE
	grace();
#endif
	/* Object 1 has a finalizer, which is handed what it reaches. */
	v = 1;
	shade(v, fresh);
	grey == 0;
	busy == 0;
	assert(mark == 6);
#endif
	phase = SWEEP;
	grace();
	/* Sweep: nobody holds what goes. */
	d_step {
		held = BIT(reg[0]) | BIT(reg[1]) | BIT(root);
		held = (held & BIT(1) -> held | BIT(2) : held);
		lost = (held & 6 & ~mark) != 0;
		assert(!lost)
	}
}

init {
	atomic {
		w[1] = 1;
		w[2] = 2;
		if
		:: root = 1
		:: skip
		fi;
		if
		:: reg[0] = 2
		:: skip
		fi;
		run collector();
		run marker();
		run thread(0);
		run thread(1)
	}
}
