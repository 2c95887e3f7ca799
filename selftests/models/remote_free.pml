// SPDX-License-Identifier: MIT
/*
 * remote_free.pml - frees of objects of another home go there in batches.
 *
 * A thread frees an object of home 1 into its CPU's outgoing block: a section whose commit
 * is the word. A full block is flushed: one section copies the objects out and commits
 * the word with fewer; then they are put into home 1's list under its lock. The
 * thread is preempted anywhere, and its CPU's block is stopped and drained by another.
 * Every object is in exactly one place, and nobody's free is lost; the snapshot's
 * in_transit is never negative, as a batch is counted out before it is counted in.
 *
 * verify: three-objects
 * long: four-objects -DOBJECTS=4
 * twin: COPY_OUTSIDE twice
 * twin: NO_RESTART lost
 * twin: IN_BEFORE_OUT negative
 * twin: NO_LOCK lost
 * twin: NO_FENCE lost
 */
#ifndef OBJECTS
#define OBJECTS 3
#endif
#define CAP 2
#define BIT(o) (1 << (o))

byte block[CAP];	/* outgoing objects, on the one CPU of this model */
byte idx;
bool away;		/* the lane is stopped */
bool lane_lock, home_lock;
byte list;		/* set: objects in the home's list */
byte length;		/* of the list, as its lock's holder counts */
byte sent, received;	/* objects, by the books */
byte next = 1;		/* the next object to be freed */
byte finished;
bool in_section[2], restart[2];
byte on_cpu;
bool twice, lost, negative;

proctype scheduler()
{
	do
	:: d_step {
		on_cpu = 1 - on_cpu;
#ifndef TWIN_NO_RESTART
		restart[on_cpu] = restart[on_cpu] || in_section[on_cpu]
#endif
	   }
	:: finished == 3 -> break
	od
}

#define RUNS (on_cpu == t)

/* Two stores of a list under its lock: an object each. */
inline put(o)
{
	if
	:: o != 0 ->
#ifndef TWIN_NO_LOCK
		atomic {
			!home_lock;
			home_lock = true
		}
#endif
		old = length;
		d_step {
			twice = twice || (list & BIT(o)) != 0;
			assert(!twice);
			list = list | BIT(o);
			length = old + 1;
			old = 0
		}
		home_lock = false;
	:: else
	fi
}

inline transfer(n)
{
#ifdef TWIN_IN_BEFORE_OUT
	received = received + n;
#endif
	put(got[0]);
	put(got[1]);
#ifndef TWIN_IN_BEFORE_OUT
	received = received + n;
#else
	sent = sent + n;
#endif
	d_step {
		got[0] = 0;
		got[1] = 0;
		n = 0
	}
}

proctype thread(byte t)
{
	byte o, i, n, old, got[CAP];

	do
	:: atomic {
		next <= OBJECTS;
		o = next;
		next++
	   }
push:
	   atomic {
		RUNS;
		restart[t] = false;
		i = idx;
		if
		:: away -> goto straight
		:: !away && i == CAP -> in_section[t] = true; goto flush
		:: !away && i < CAP -> in_section[t] = true
		fi
	   }
	   atomic {
		RUNS;
		if
		:: restart[t] -> in_section[t] = false; goto push
		:: else -> block[i] = o
		fi
	   }
	   atomic {
		RUNS;
		if
		:: restart[t] -> in_section[t] = false; goto push
		:: else
		fi;
		in_section[t] = false;
		idx = i + 1;
		o = 0;
		i = 0;
		goto freed
	   }
flush:
	   /* Copied inside the section: what was copied before an abort is copied again. */
	   atomic {
		RUNS;
		got[0] = block[0];
		got[1] = block[1];
#ifdef TWIN_COPY_OUTSIDE
		restart[t] = false
#endif
	   }
	   atomic {
		RUNS;
		if
		:: restart[t] ->
			in_section[t] = false;
			got[0] = 0;
			got[1] = 0;
			goto push
		:: else
		fi;
		in_section[t] = false;
		idx = 0;
#ifndef TWIN_IN_BEFORE_OUT
		sent = sent + CAP;
#endif
		n = CAP
	   }
	   transfer(n);
	   goto push;
straight:
	   got[0] = o;
	   o = 0;
	   n = 1;
#ifndef TWIN_IN_BEFORE_OUT
	   sent++;
#endif
	   transfer(n);
freed:
	   skip
	:: next > OBJECTS -> break
	od;
	finished++
}

proctype stopper()
{
	byte n, old, got[CAP];

	away = true;
#ifndef TWIN_NO_FENCE
	restart[0] = in_section[0];
	restart[1] = in_section[1];
#endif
	n = idx;
	d_step {
		got[0] = (n > 0 -> block[0] : 0);
		got[1] = (n > 1 -> block[1] : 0)
	}
	atomic {
		idx = 0;
#ifndef TWIN_IN_BEFORE_OUT
		sent = sent + n
#endif
	}
	transfer(n);
	away = false;
	finished++
}

proctype reader()
{
	byte in;

	/* Takes before gives: as in a cut, none that is counted in was not counted out. */
	in = received;
	negative = in > sent;
	assert(!negative)
}

init {
	byte left;

	atomic {
		run scheduler();
		run thread(0);
		run thread(1);
		run stopper();
		run reader()
	}
	finished == 3 && _nr_pr == 1;
	d_step {
		left = list;
		left = (idx > 0 -> left | BIT(block[0]) : left);
		left = (idx > 1 -> left | BIT(block[1]) : left);
		lost = left != BIT(OBJECTS + 1) - 2 || length + idx != OBJECTS || sent != received;
		assert(!lost)
	}
}
