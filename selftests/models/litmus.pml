// SPDX-License-Identifier: MIT
/*
 * litmus.pml - each barrier with the one that it pairs with, under arm64's ordering.
 *
 * arm64 has one memory, and each thread performs its accesses in any order that its
 * barriers, acquires, releases, dependencies and the coherence of a single location
 * allow. So a thread here is a set of numbered accesses: ACCESS(i, after, what) is performed
 * once all those of the mask @after have been. What orders two accesses becomes a mask:
 *
 *	full barrier		what follows is after all that precedes
 *	smp_wmb()		stores that follow are after the stores that precede
 *	smp_rmb()		what follows is after the loads that precede
 *	acquire load		what follows is after it
 *	release store		it is after all that precedes
 *	address, data		what uses a loaded value is after that load
 *	control			stores behind a branch are after its load; loads are not
 *
 * Left out: a thread that loads what it has just stored may see it before others do. No
 * case here does that.
 *
 * Each case is a row of the tables in Documentation/locking.rst and rseq.rst, in the
 * smallest form that can fail: two threads, A and B, and what must not be seen. One search
 * goes through all cases; a twin leaves one barrier out.
 *
 * verify: all
 * twin: CUT_WRITER cut
 * twin: CUT_READER cut
 * twin: BASE_RELEASE baseline
 * twin: BASE_WMB baseline
 * twin: BASE_ACQUIRE baseline
 * twin: BASE_RMB baseline
 * twin: SETTLE_RELEASE settled
 * twin: SETTLE_ACQUIRE settled
 * twin: SHOW_RELEASE shown
 * twin: DOOR_ENTER door
 * twin: DOOR_CLOSE door
 * twin: SURPLUS_UNLOCK surplus
 * twin: SURPLUS_TRYLOCK surplus
 * twin: COUNTS_WMB counts
 * twin: COUNTS_RELEASE counts
 * twin: COUNTS_ACQUIRE counts
 * twin: COUNTS_RMB counts
 * twin: SECTION_FENCE section
 * twin: QUIET_GRACE quiet
 * twin: FORGET_WMB forgotten
 * twin: FORGET_RMB forgotten
 */

/* HAS(X): 1, and 0 where the twin X is asked for: -DTWIN_X makes it 1 for the preprocessor. */
#define LEFT_OUT_1 0,
#define SECOND(a, b, ...) b
#define IS_LEFT_OUT(x) SECOND(x 1, 0, 0)
#define PASTE(x) IS_LEFT_OUT(LEFT_OUT_##x)
#define LEFT_OUT(x) PASTE(x)
#define HAS(x) (1 - LEFT_OUT(TWIN_##x))

#define BIT(i) (1 << (i))
#define BEFORE(i) (BIT(i) - 1)
#define ACCESS(i, after, what) \
	:: atomic { (did & (BIT(i) | (after))) == (after) -> what; did = did | BIT(i) }
#define END(n) :: atomic { did == BEFORE(n) -> break }

#define LAST 9
byte which;		/* the case of this run */
byte x, y, z;		/* memory */
byte a;			/* what A loaded */
byte b[5];		/* what B loaded, by its access */
bool fenced;		/* B's fence has interrupted A */
byte ended;

/* What must not have been seen, one for each case. */
bool cut, baseline, settled, shown, door, surplus, counts, section, quiet, forgotten;

proctype A()
{
	byte did;

	if
	:: which == 0 -> /* a write of a locked layer: seq odd; smp_mb(); gen */
		do
		ACCESS(0, 0, x = 1)
		ACCESS(1, HAS(CUT_WRITER) * BEFORE(1), a = y)
		END(2)
		od
	:: which == 1 -> /* base; release gen; smp_wmb(); cur */
		do
		ACCESS(0, 0, x = 1)
		ACCESS(1, HAS(BASE_RELEASE) * BEFORE(1), y = 1)
		ACCESS(2, HAS(BASE_WMB) * BEFORE(2), z = 1)
		END(3)
		od
	:: which == 2 -> /* what was written; release seq */
		do
		ACCESS(0, 0, x = 1)
		ACCESS(1, HAS(SETTLE_RELEASE) * BEFORE(1), y = 1)
		END(2)
		od
	:: which == 3 -> /* what a pointer leads to; release the pointer */
		do
		ACCESS(0, 0, x = 1)
		ACCESS(1, HAS(SHOW_RELEASE) * BEFORE(1), y = 1)
		END(2)
		od
	:: which == 4 -> /* inside + 1, a full barrier; closed */
		do
		ACCESS(0, 0, x = 1)
		ACCESS(1, HAS(DOOR_ENTER) * BEFORE(1), a = y)
		END(2)
		od
	:: which == 5 -> /* the flag; a release and the acquire of a trylock, in order; the lock */
		do
		ACCESS(0, 0, x = 1)
		ACCESS(1, HAS(SURPLUS_TRYLOCK) * BEFORE(1), a = 1 - y)
		END(2)
		od
	:: which == 6 -> /* seq odd; smp_wmb(); two counts; release seq */
		do
		ACCESS(0, 0, x = 1)
		ACCESS(1, HAS(COUNTS_WMB) * BIT(0), y = 1)
		ACCESS(2, HAS(COUNTS_WMB) * BIT(0), z = 1)
		ACCESS(3, BIT(0) | HAS(COUNTS_RELEASE) * BEFORE(3), x = 2)
		END(4)
		od
	:: which == 7 -> /* a section: the pointer; the commit, by an address from it */
		do
		ACCESS(0, 0, a = y)
		ACCESS(1, BIT(0), x = 1)
		/* what the fence does to it: it starts again, if it has not committed */
		:: atomic {
			y == 1 && !fenced ->
			fenced = true;
			if
			:: did != BEFORE(2) -> did = 0
			:: else
			fi
		   }
		END(2)
		od
	:: which == 8 -> /* a put: buffer and number in any order; release: out of the section */
		do
		ACCESS(0, 0, x = 1)
		ACCESS(1, 0, z = 1)
		ACCESS(2, BEFORE(2), y = 1)
		END(3)
		od
	:: which == 9 -> /* the slot's old type is cleared; smp_wmb(); it counts as taken */
		do
		ACCESS(0, 0, x = 0)
		ACCESS(1, HAS(FORGET_WMB) * BEFORE(1), y = 1)
		END(2)
		od
	fi;
	ended++
}

proctype B()
{
	byte did;

	if
	:: which == 0 -> /* snapshot_flip(): gen; smp_mb(); seq */
		do
		ACCESS(0, 0, y = 1)
		ACCESS(1, HAS(CUT_READER) * BEFORE(1), b[1] = x)
		END(2)
		od
	:: which == 1 -> /* acquire gen; base, or cur; smp_rmb(); gen again */
		do
		ACCESS(0, 0, b[0] = y)
		ACCESS(1, HAS(BASE_ACQUIRE) * BIT(0), b[1] = x)
		ACCESS(2, HAS(BASE_ACQUIRE) * BIT(0), b[2] = z)
		ACCESS(3, BIT(0) | HAS(BASE_RMB) * BEFORE(3), b[3] = y)
		END(4)
		od
	:: which == 2 -> /* acquire seq; what was written */
		do
		ACCESS(0, 0, b[0] = y)
		ACCESS(1, HAS(SETTLE_ACQUIRE) * BEFORE(1), b[1] = x)
		END(2)
		od
	:: which == 3 -> /* the pointer; what it leads to, by its address */
		do
		ACCESS(0, 0, b[0] = y)
		ACCESS(1, BIT(0), b[1] = x)
		END(2)
		od
	:: which == 4 -> /* closed, a full barrier; inside */
		do
		ACCESS(0, 0, y = 1)
		ACCESS(1, HAS(DOOR_CLOSE) * BEFORE(1), b[1] = x)
		END(2)
		od
	:: which == 5 -> /* unlock; smp_mb(); the flag */
		do
		ACCESS(0, 0, y = 1)
		ACCESS(1, HAS(SURPLUS_UNLOCK) * BEFORE(1), b[1] = x)
		END(2)
		od
	:: which == 6 -> /* acquire seq; the counts; smp_rmb(); seq again */
		do
		ACCESS(0, 0, b[0] = x)
		ACCESS(1, HAS(COUNTS_ACQUIRE) * BIT(0), b[1] = y)
		ACCESS(2, HAS(COUNTS_ACQUIRE) * BIT(0), b[2] = z)
		ACCESS(3, BIT(0) | HAS(COUNTS_RMB) * BEFORE(3), b[3] = x)
		END(4)
		od
	:: which == 7 -> /* hide, or a new generation; fence; what a section may change */
		do
		ACCESS(0, 0, y = 1)
		ACCESS(1, BIT(0), (fenced || ended == 1 || !HAS(SECTION_FENCE)); b[1] = x)
		END(2)
		od
	:: which == 8 -> /* number, buffers, number; a grace period; buffers */
		do
		ACCESS(0, 0, b[0] = z)
		ACCESS(1, BEFORE(1), b[1] = x)
		ACCESS(2, BEFORE(2), b[2] = z)
		ACCESS(3, BEFORE(3), (y == 1 || !HAS(QUIET_GRACE)); b[3] = y)
		ACCESS(4, BEFORE(4), b[4] = x)
		END(5)
		od
	:: which == 9 -> /* the slot is taken; smp_rmb(); its type */
		do
		ACCESS(0, 0, b[0] = y)
		ACCESS(1, HAS(FORGET_RMB) * BEFORE(1), b[1] = x)
		END(2)
		od
	fi;
	ended++
}

init {
	atomic {
		select (which : 0 .. LAST);
		x = (which == 9 -> 7 : 0);
		run A();
		run B()
	};
	ended == 2;
	cut = which == 0 && a == 0 && b[1] == 0;
	baseline = which == 1 && (b[0] == 1 -> b[1] == 0 : b[3] == 0 && b[2] == 1);
	settled = which == 2 && b[0] == 1 && b[1] == 0;
	shown = which == 3 && b[0] == 1 && b[1] == 0;
	door = which == 4 && a == 0 && b[1] == 0;
	surplus = which == 5 && a == 1 && b[1] == 0;
	counts = which == 6 && b[0] % 2 == 0 && b[0] == b[3] && (b[1] != b[0] / 2 || b[2] != b[1]);
	section = which == 7 && a == 0 && b[1] == 0;
	quiet = which == 8 && b[4] == 0;
	forgotten = which == 9 && b[0] == 1 && b[1] != 0;
	assert(!cut);
	assert(!baseline);
	assert(!settled);
	assert(!shown);
	assert(!door);
	assert(!surplus);
	assert(!counts);
	assert(!section);
	assert(!quiet);
	assert(!forgotten)
}
