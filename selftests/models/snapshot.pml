// SPDX-License-Identifier: MIT
/*
 * snapshot.pml - a snapshot is a consistent cut (percpu/stats/snapshot.c).
 *
 * A thread on CPU 0 allocates an object (a pop) and passes it to a thread on CPU 1, which
 * frees it into its block or into a locked layer's book; then the next. So at any
 * instant 0 or 1 are live. The reader flips the generation, fences and reads one place
 * after the other, as slowly as it can. CPU 0's block is refilled too: its flow has two
 * copies, and the word's flip bit says which is valid.
 *
 * Left out: generations that come round (a block of old age is rolled through stop.pml's
 * protocol), migration (a section that is preempted restarts, as after a fence).
 *
 * The run without-fence is no twin: an operation in flight that loaded the old generation is
 * counted or not, as it happens, and either is a cut, for what happens after it loads
 * the new one. It is the stopping of lanes that needs the fence (stop.pml), and with it the rule that
 * a generation never comes round; here numbers do not.
 *
 * verify: two-snapshots
 * verify: without-fence -DNO_FENCE
 * long: three-snapshots -DSNAPSHOTS=3 -DPASSES=4
 * twin: PLAIN impossible
 * twin: BASE_AFTER_GENERATION torn
 * twin: NO_BOOK_BARRIER torn
 * twin: NO_SETTLE torn
 * twin: READ_ONCE_ONLY torn
 * twin: ONE_FLOW torn
 */
#ifndef PASSES
#define PASSES 3 /* objects that go from CPU 0 to CPU 1 */
#endif
#ifndef SNAPSHOTS
#define SNAPSHOTS 2
#endif
#define BATCH 1

/* A block's word: all of it is stored at once. */
typedef word_t {
	byte gen, idx, pops;
	bit flip
};
typedef block_t {
	word_t word;
	word_t base_word;
	byte in[2];	/* objects that refills put in; one copy is valid */
	byte base_in
};
/* The locked layer, which counts frees. */
typedef book_t {
	bool odd;
	byte gen, cur, base;
	byte cur2, base2 /* a second count, of the same frees */
};

byte GEN = 1;
block_t block[2];
book_t book;
bool in_section[2], restart[2];
bool passing;	 /* the object is on its way to CPU 1 */
bool impossible; /* fewer than 0 or more than 1 live */
bool torn;	 /* two counts of one place are not of the same instant */

inline set_word(to, from)
{
	to.gen = from.gen;
	to.idx = from.idx;
	to.pops = from.pops;
	to.flip = from.flip
}

/* Bring the CPU's block into the current generation: a section. */
inline roll(c)
{
	do
	:: atomic {
		in_section[c] = true;
		restart[c] = false;
		g = GEN
	   }
	   if
	   :: g == block[c].word.gen ->
		in_section[c] = false;
		break
	   :: else
	   fi;
#ifdef TWIN_BASE_AFTER_GENERATION
	   d_step {
		set_word(w, block[c].word);
		if
		:: !restart[c] -> block[c].word.gen = g
		:: else
		fi
	   }
	   d_step {
		set_word(block[c].base_word, w);
		block[c].base_in = block[c].in[w.flip];
		in_section[c] = false
	   }
#else
	   block[c].base_in = block[c].in[block[c].word.flip];
	   d_step {
		set_word(block[c].base_word, block[c].word)
	   }
	   d_step {
		in_section[c] = false;
		if
		:: !restart[c] -> block[c].word.gen = g
		:: else
		fi
	   }
#endif
	od;
	g = 0
}

#define POP 0
#define PUSH 1
#define REFILL 2

/* One operation, until it has committed. */
inline operate(c, what)
{
	done = false;
	do
	:: done -> break
	:: !done ->
		roll(c);
		atomic {
			in_section[c] = true;
			restart[c] = false;
			g = GEN
		}
		d_step {
			/* The other copy of the flow is written before the commit. */
			if
			:: what == REFILL ->
#ifdef TWIN_ONE_FLOW
				block[c].in[0] = block[c].in[0] + BATCH
#else
				block[c].in[1 - block[c].word.flip] =
					block[c].in[block[c].word.flip] + BATCH
#endif
			:: else
			fi
		}
		d_step {
			in_section[c] = false;
			if
			:: restart[c] || g != block[c].word.gen ->
#ifdef TWIN_ONE_FLOW
				block[c].in[0] = block[c].in[0] - (what == REFILL -> BATCH : 0)
#endif
				skip
			:: else ->
				done = true;
				if
				:: what == POP ->
					block[c].word.pops++;
					block[c].word.idx--
				:: what == PUSH -> block[c].word.idx++
				:: what == REFILL ->
					block[c].word.idx = block[c].word.idx + BATCH;
#ifndef TWIN_ONE_FLOW
					block[c].word.flip = 1 - block[c].word.flip
#endif
				fi
			fi;
			g = 0
		}
	od;
	done = false
}

proctype allocator()
{
	byte n, g;
	bool done;
#ifdef TWIN_BASE_AFTER_GENERATION
	word_t w;
#endif

	do
	:: n == PASSES -> break
	:: n < PASSES ->
		n++;
		!passing;
		if
		:: block[0].word.idx == 0 -> operate(0, REFILL)
		:: else
		fi;
		operate(0, POP);
		passing = true
	od
}

proctype freer()
{
	byte n, g;
	bool done;
#ifdef TWIN_BASE_AFTER_GENERATION
	word_t w;
#endif

	do
	:: n == PASSES -> break
	:: n < PASSES ->
		n++;
		passing;
		if
		:: operate(1, PUSH)
		::
#ifdef TWIN_NO_BOOK_BARRIER
			/* seq waits in the store buffer while hot.gen is loaded. */
			g = GEN;
			book.odd = true;
#else
			book.odd = true;
			g = GEN;
#endif
			if
			:: book.gen != g ->
				book.base = book.cur;
				book.base2 = book.cur2;
				book.gen = g
			:: else
			fi;
			g = 0;
			book.cur++;
			book.cur2++;
			book.odd = false
		fi;
		passing = false
	od
}

inline read_block(c)
{
	do
	:: d_step {
		set_word(w, block[c].word)
	   }
	   if
#ifndef TWIN_PLAIN
	   :: w.gen == GEN ->
		d_step {
			set_word(w, block[c].base_word)
		}
		in = block[c].base_in;
		break
#endif
	   :: else ->
		in = block[c].in[w.flip];
#if defined(TWIN_PLAIN) || defined(TWIN_READ_ONCE_ONLY)
		break
#else
		if
		:: w.gen == block[c].word.gen && w.idx == block[c].word.idx &&
		   w.pops == block[c].word.pops && w.flip == block[c].word.flip -> break
		:: else
		fi
#endif
	   fi
	od
}

proctype reader()
{
	byte n, in, allocated, freed, x, y;
	word_t w;

	do
	:: n == SNAPSHOTS -> break
	:: n < SNAPSHOTS ->
		n++;
#ifndef TWIN_PLAIN
		GEN++;
#ifndef NO_FENCE
		restart[0] = in_section[0];
		restart[1] = in_section[1];
#endif
#endif
		read_block(0);
		atomic {
			allocated = w.pops;
			torn = w.idx + w.pops != in;
			assert(!torn)
		}
		read_block(1);
		freed = w.idx + w.pops - in;
#ifndef TWIN_NO_SETTLE
		!book.odd;
#endif
		do
		::
#ifndef TWIN_PLAIN
		   if
		   :: book.gen == GEN ->
			x = book.base;
			y = book.base2;
			break
		   :: else
		   fi;
#endif
		   x = book.cur;
		   y = book.cur2;
#ifndef TWIN_PLAIN
		   if
		   :: book.gen == GEN
		   :: else -> break
		   fi
#else
		   break
#endif
		od;
		atomic {
			freed = freed + x;
			impossible = freed > allocated || allocated - freed > 1;
			assert(!impossible);
#ifndef TWIN_PLAIN
			torn = x != y;
			assert(!torn);
#endif
			x = 0;
			y = 0;
			in = 0;
			allocated = 0;
			freed = 0;
			w.gen = 0;
			w.idx = 0;
			w.pops = 0;
			w.flip = 0
		}
	od
}

init {
	atomic {
		run allocator();
		run freer();
		run reader()
	}
}
