// SPDX-License-Identifier: MIT
/*
 * stop.pml - taking a CPU's cache away from it (percpu/rseq/lane_stop.c).
 *
 * Threads on the lane's CPU push and pop in sections of three steps: load the pointer,
 * load the word, commit. One runs at a time, and it is preempted anywhere; a section
 * that was preempted or fenced restarts at its next step. Stoppers take the
 * lane, hide it, fence, change it, show it again.
 *
 * Left out: several lanes at once (each is stopped alike, before one fence); classes.
 *
 * verify: two-threads-two-stoppers
 * long: more -DROUNDS=4 -DSTOPPERS=3
 * twin: NO_FENCE torn
 * twin: NO_LOCK torn
 * twin: FENCE_BEFORE_HIDE torn
 * twin: CARRIED_POINTER torn
 */
#ifndef ROUNDS
#define ROUNDS 3 /* operations of a thread */
#endif
#ifndef STOPPERS
#define STOPPERS 2
#endif
#define THREADS 2
#define NOBODY 255

bool away;		/* the lane's pointer leads to the dummy */
bool lock;
byte word;		/* objects in the cache */
byte owner = NOBODY;	/* who works on a stopped lane */
bool in_section[THREADS];
bool restart[THREADS];	/* preempted or fenced since the section's first instruction */
byte on_cpu = 0;	/* the thread that runs on the lane's CPU */
byte moved;		/* pushes - pops - objects drained */
bool torn;

/* The kernel lets another thread run there, in the middle of a section or not. */
proctype scheduler()
{
	do
	:: d_step {
		on_cpu = 1 - on_cpu;
		restart[on_cpu] = restart[on_cpu] || in_section[on_cpu]
	   }
	od
}

#define RUNS (on_cpu == t)

proctype thread(byte t)
{
	byte done, w;
	bool dummy, carried;

	do
	:: done == ROUNDS -> break
	:: done < ROUNDS ->
again:
		atomic {
			RUNS;
			in_section[t] = true;
			restart[t] = false;
#ifdef TWIN_CARRIED_POINTER
			/* Loaded once, before the section that is started again. */
			if
			:: !carried ->
				carried = true;
				dummy = away
			:: else
			fi
#else
			dummy = away
#endif
		}
		atomic {
			RUNS;
			if
			:: restart[t] ->
				restart[t] = false;
				goto again
			:: else -> w = word
			fi
		}
		atomic {
			RUNS;
			if
			:: restart[t] ->
				restart[t] = false;
				goto again
			:: else
			fi;
			in_section[t] = false;
			if
			:: dummy
			:: !dummy ->
				/* The committing store. */
				torn = torn || owner != NOBODY || w != word;
				assert(!torn);
				if
				:: w < 2 -> word = w + 1; moved++
				:: w > 0 -> word = w - 1; moved--
				fi
			fi;
			w = 0;
			dummy = false;
			carried = false;
			done++
		}
	od
}

proctype stopper(byte me)
{
	byte w;

#ifndef TWIN_NO_LOCK
	atomic {
		!lock;
		lock = true
	}
#endif
#ifdef TWIN_FENCE_BEFORE_HIDE
	restart[0] = in_section[0];
	restart[1] = in_section[1];
#endif
	away = true;
#if !defined(TWIN_NO_FENCE) && !defined(TWIN_FENCE_BEFORE_HIDE)
	/* One CPU after the other. */
	restart[0] = in_section[0];
	restart[1] = in_section[1];
#endif
	owner = me;
	/* Drain: what it finds it takes. */
	w = word;
	atomic {
		torn = torn || word != w || owner != me;
		assert(!torn);
		moved = moved - w;
		word = 0;
		w = 0
	}
	owner = NOBODY;
	away = false;
	lock = false
}

/* Once all is quiet, what went in and out is what is there. */
init {
	atomic {
		run scheduler();
		run thread(0);
		run thread(1);
		run stopper(0);
		run stopper(1);
#if STOPPERS > 2
		run stopper(2);
#endif
	}
	_nr_pr == 2 -> assert(moved == word)
}
