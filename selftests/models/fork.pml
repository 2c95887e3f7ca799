// SPDX-License-Identifier: MIT
/*
 * fork.pml - the door of the slow paths (percpu/slow_path.c).
 *
 * enter: inside++, load closed.  closer: closed = 1, load inside. The child of a fork
 * is a copy of memory with the forking thread alone: it must not copy a slow path
 * that is half done. Threads go through the door again and again, each forks once.
 *
 * Left out: groups of counters (one here; the closer waits for one after the other, and
 * what is closed stays so), the futex (waiting is blocking here).
 *
 * Two limits are twins too. A handler that interrupted a slow path forks while another
 * thread is forking: that one waits for the slow path to end, which waits for it. Or it forks
 * where the slow path holds a lock that a thread inside waits for: the fork waits for that thread.
 * So it would not be enough that one of two forks stands back.
 *
 * verify: three-threads
 * verify: handler -DHANDLER
 * twin: CHECK_FIRST half_done
 * twin: NO_WAIT half_done
 * twin: NO_BARRIER half_done
 * twin: TWO_CLOSERS half_open
 * twin: CHILD_KEEPS_COUNTS child_hangs
 * twin: WAITS_FOR_ITSELF child_hangs -DHANDLER
 * twin: TWO_FORKS stuck -DHANDLER
 * twin: LOCK_HELD stuck -DHANDLER
 */
#define THREADS 3
#define ROUNDS 2

byte inside;		/* threads; atomic */
bool closed;
byte half;		/* threads in the middle of a change of the heap */
bool half_done;		/* a child saw one that is not its own */
bool half_open;		/* the door was opened while another fork was under way */
bool stuck;		/* a fork waits for who waits for it */
bool lock;		/* one of the heap's, with the twin that has one */
byte waiting;		/* threads inside that wait for it */
bool child_hangs;	/* the child's next fork would wait for ever */
byte forking;

/*
 * inside++ and the load behind it are each seen by others in this order, but for the twin: there
 * the increment waits in the store buffer while closed is loaded.
 */
inline slow_enter()
{
#ifdef TWIN_CHECK_FIRST
	!closed;
	inside++
#else
	do
	::
#ifdef TWIN_NO_BARRIER
		seen = closed;
		inside++;
#else
		inside++;
		seen = closed;
#endif
		if
		:: seen ->
			seen = false;
			inside--;
			!closed
		:: else -> break
		fi
	od
#endif
}

inline do_fork(own)
{
	d_step {
		stuck = own != 0 && closed;
		assert(!stuck)
	}
#ifdef TWIN_TWO_CLOSERS
	closed = true;
#else
	atomic {
		!closed;
		closed = true
	}
#endif
#ifndef TWIN_NO_WAIT
#ifdef TWIN_WAITS_FOR_ITSELF
	d_step {
		child_hangs = own != 0;
		assert(!child_hangs)
	}
	inside == 0;
#else
#ifdef TWIN_LOCK_HELD
	do
	:: inside == own -> break
	:: d_step {
		own != 0 && waiting != 0;
		stuck = true;
		assert(!stuck)
	}
	od;
#else
	inside == own;
#endif
#endif
#endif
	forking++;
	/* The system call copies memory in one step; the child resets the count to its own. */
	d_step {
		half_done = half != own;
		assert(!half_done);
		copy = inside;
#ifndef TWIN_CHILD_KEEPS_COUNTS
		copy = own;
#endif
		child_hangs = copy != own;
		copy = 0;
		assert(!child_hangs)
	}
	forking--;
	d_step {
		half_open = forking != 0;
		assert(!half_open);
		closed = false
	}
}

proctype thread()
{
	byte round, copy;
	bool seen, forked;

	do
	:: round < ROUNDS ->
		round++;
		slow_enter();
		half++;
#ifdef TWIN_LOCK_HELD
		waiting++;
		atomic {
			!lock;
			lock = true;
			waiting--
		}
#endif
#ifdef HANDLER
		/* A signal handler interrupts the slow path and forks. */
		if
		:: !forked && round == 1 && _pid == 1 ->
			forked = true;
			do_fork(1)
		:: skip
		fi;
#endif
#ifdef TWIN_LOCK_HELD
		lock = false;
#endif
		half--;
		inside--
#if !defined(HANDLER) || defined(TWIN_TWO_FORKS)
	:: !forked ->
		forked = true;
		do_fork(0)
#endif
	:: round == ROUNDS -> break
	od
}

init {
	byte i;

	atomic {
		do
		:: i < THREADS -> run thread(); i++
		:: else -> break
		od
	}
}
