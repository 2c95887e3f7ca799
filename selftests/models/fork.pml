// SPDX-License-Identifier: MIT
/*
 * fork.pml - the door of the slow paths (percpu/process/slow_path.c).
 *
 * enter: inside += me, load closed.  closer: closed = 1, load inside. The child of a fork
 * is a copy of memory with the forking thread alone: it must not copy a slow path
 * that is half done. Threads go through the door again and again, each forks once.
 *
 * With HANDLER the forks of two threads are those of signal handlers, before, in or after a
 * slow path that they interrupted. Such a forker cannot leave: who closes from outside makes
 * way for it, and it does not wait for other forkers. Inside there is a lock, which a forker may
 * hold; it does not wait for those who wait for that.
 *
 * With QUARANTINE two threads change their quarantines (percpu/check/quarantine.h), past the door,
 * and a handler in the midst of that forks: a forker, too, for whose change others from outside
 * make way.
 *
 * With EXIT a handler of one thread calls exit() instead, before, in or after a slow path. What that
 * calls takes the C library's lock of streams, which a fork from outside takes before the door:
 * so a fork gives back both at any time, whoever is inside, and begins again. From Lane's destructor
 * on the thread is a forker. What the others do after its end is of no interest, but goes on.
 *
 * Left out: groups of sums (one here, a bit a thread; the closer waits for one after the
 * other, and what is closed stays so), the futex (waiting is blocking here).
 *
 * verify: three-threads
 * verify: handler -DHANDLER
 * verify: quarantine -DQUARANTINE
 * verify: both -DHANDLER -DQUARANTINE
 * verify: exit -DEXIT
 * twin: CHECK_FIRST half_done
 * twin: NO_WAIT half_done
 * twin: NO_BARRIER half_done
 * twin: TWO_CLOSERS half_open
 * twin: CHILD_KEEPS_COUNTS child_hangs
 * twin: CHILD_COUNTS_DEPTH child_hangs -DHANDLER
 * twin: NO_WAY stuck -DHANDLER
 * twin: FORKERS_WAIT stuck -DHANDLER
 * twin: PATIENT stuck -DHANDLER
 * twin: CHANGE_FIRST half_done -DQUARANTINE
 * twin: NO_CHANGE_WAIT half_done -DQUARANTINE
 * twin: NO_WAY_FOR_CHANGE stuck -DQUARANTINE
 * twin: CHANGES_WAIT stuck -DQUARANTINE
 * twin: NEVER_GIVES_UP stuck -DEXIT
 */
#define THREADS 3
#define ROUNDS 2
#define ME (1 << _pid)
#ifdef QUARANTINE
#undef ROUNDS
#define ROUNDS 1
#endif
#if defined(HANDLER) || defined(QUARANTINE)
#define FORKS_OUTSIDE (!forked && _pid > 2)
#elif defined(EXIT)
#define FORKS_OUTSIDE (!forked && _pid > 1)
#else
#define FORKS_OUTSIDE (!forked)
#endif
#ifdef EXIT
#define TAKE_STREAMS atomic { !streams; streams = true };
#define GIVE_STREAMS streams = false;
#else
#define TAKE_STREAMS
#define GIVE_STREAMS
#endif
#ifdef TWIN_PATIENT
#define UNAWAITED 0
#else
#define UNAWAITED (held & forkers -> asleep : 0)
#endif

byte inside;		/* sum of the threads' weights; atomic */
bool closed;
byte forkers;		/* threads whose handlers fork inside; atomic */
byte half;		/* threads in the middle of a change of the heap */
byte held;		/* who has the lock */
byte asleep;		/* who waits for it */
#ifdef QUARANTINE
byte odd;		/* threads that look whether they may change their quarantines, or do */
byte changing;		/* who does */
bool q_closed;		/* what they look at first */
#endif
bool streams;		/* the C library's lock is taken */
byte closing;		/* who exits and wants it */
bool half_done;		/* a child saw one that is not its own, another forker's or asleep */
bool half_open;		/* the door was opened while another fork was under way */
bool stuck;		/* two forks wait for each other */
bool child_hangs;	/* the child's next fork would wait for ever */
byte forking;

/*
 * inside += me and the load behind it are each seen by others in this order, but for the twin:
 * there the sum waits in the store buffer while closed is loaded.
 */
inline slow_enter()
{
#ifdef TWIN_CHECK_FIRST
	!closed;
	inside = inside | ME
#else
	do
	::
#ifdef TWIN_NO_BARRIER
		seen = closed;
		inside = inside | ME;
#else
		inside = inside | ME;
		seen = closed;
#endif
		if
		:: seen ->
			seen = false;
			inside = inside & ~ME;
			!closed
		:: else -> break
		fi
	od
#endif
}

/* depth: ME where a handler forks inside; forker: where it does inside or in a change. Else 0. */
inline do_fork(depth, forker)
{
	forkers = forkers | forker;
#ifdef QUARANTINE
	do
	::
#endif
	do
	::
		TAKE_STREAMS
#ifdef TWIN_TWO_CLOSERS
		closed = true;
#else
		atomic {
			!closed;
			closed = true
		}
#endif
#ifdef TWIN_NO_WAIT
		break
#endif
		if
#ifdef TWIN_FORKERS_WAIT
		:: !(inside & ~(forker -> forker | UNAWAITED : 0)) -> break
		:: forker && (inside & forkers & ~forker) ->
			stuck = true;
			assert(!stuck)
#else
		:: !(inside & ~(forker -> forkers | UNAWAITED : 0)) -> break
#endif
#ifdef TWIN_PATIENT
		:: forker && (held & forkers) && (inside & asleep & ~forkers) ->
			stuck = true;
			assert(!stuck)
#endif
#ifdef TWIN_NO_WAY
		:: !forker && (inside & forkers) ->
			stuck = true;
			assert(!stuck)
#else
		:: !forker && forkers ->
			closed = false;
			GIVE_STREAMS
			!forkers
#endif
#ifdef TWIN_NEVER_GIVES_UP
		:: !forker && (inside & closing) ->
			stuck = true;
			assert(!stuck)
#else
		:: !forker ->
			GIVE_STREAMS
			closed = false
#endif
		fi
	od;
#ifdef QUARANTINE
	q_closed = true;
	if
#ifdef TWIN_NO_CHANGE_WAIT
	:: true -> break
#endif
#ifdef TWIN_CHANGES_WAIT
	:: !(odd & ~forker) -> break
	:: forker && (odd & forkers & ~forker) ->
		stuck = true;
		assert(!stuck)
#else
	:: !(odd & ~forker & ~(forker -> forkers : 0)) -> break
#endif
#ifdef TWIN_NO_WAY_FOR_CHANGE
	:: !forker && (odd & forkers) ->
		stuck = true;
		assert(!stuck)
#else
	:: !forker && forkers ->
		q_closed = false;
		closed = false;
		!forkers
	:: !forker ->
		q_closed = false;
		closed = false
#endif
	fi
	od;
#endif
	forking++;
	/* The system call copies memory in one step; the child keeps of the sum what is its own. */
	d_step {
		half_done = (half & ~(forker -> forkers | UNAWAITED : 0)) != 0;
#ifdef QUARANTINE
		half_done = half_done || (changing & ~(forker -> forkers : 0));
#endif
		assert(!half_done);
		copy = inside & depth;
#ifdef TWIN_CHILD_KEEPS_COUNTS
		copy = inside | forkers;
#endif
#ifdef TWIN_CHILD_COUNTS_DEPTH
		copy = depth;
#endif
		child_hangs = copy != (inside & depth);
		copy = 0;
		assert(!child_hangs)
	}
	forking--;
	d_step {
		half_open = forking != 0;
		assert(!half_open);
		forkers = forkers & ~forker;
#ifdef QUARANTINE
		q_closed = false;
#endif
		closed = false
	}
	GIVE_STREAMS
}

/* A signal handler forks, or exits, or not. */
inline handler()
{
#if defined(HANDLER)
	if
	:: !forked && _pid <= 2 ->
		forked = true;
		do_fork(ME, ME)
	:: true
	fi
#elif defined(EXIT)
	if
	:: _pid <= 1 -> goto exits
	:: true
	fi
#else
	skip
#endif
}

inline take_lock()
{
#ifdef HANDLER
	asleep = asleep | ME;
	atomic {
		!held;
		held = ME;
		asleep = asleep & ~ME
	}
#else
	skip
#endif
}

#ifdef QUARANTINE
/* Both are seen in this order wherever the closer's fence comes. Who finds it closed waits outside. */
inline change()
{
	do
	::
#ifdef TWIN_CHANGE_FIRST
		seen = q_closed;
		odd = odd | ME;
#else
		odd = odd | ME;
		seen = q_closed;
#endif
		if
		:: seen ->
			seen = false;
			odd = odd & ~ME;
			slow_enter();
			inside = inside & ~ME
		:: else -> break
		fi
	od;
	changing = changing | ME;
	if
	:: !forked && _pid <= 2 ->
		forked = true;
		do_fork(0, ME)
	:: true
	fi;
	changing = changing & ~ME;
	odd = odd & ~ME
}
#endif

proctype thread()
{
	byte round, copy;
	bool seen, forked;

	do
	:: round < ROUNDS ->
		round++;
#ifdef QUARANTINE
		change();
#endif
		handler();
		slow_enter();
		half = half | ME;
		take_lock();
		handler();
		held = held & ~ME;
		half = half & ~ME;
		inside = inside & ~ME;
		handler()
	:: FORKS_OUTSIDE ->
		forked = true;
		do_fork(0, 0)
	:: round == ROUNDS -> goto over
	od;
#ifdef EXIT
exits:
	closing = closing | ME;
	TAKE_STREAMS
	closing = closing & ~ME;
	GIVE_STREAMS
	forkers = forkers | (inside & ME);
	/* The end. */
	d_step {
		half = half & ~ME;
		inside = inside & ~ME;
		forkers = forkers & ~ME
	};
#endif
over:	skip
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
