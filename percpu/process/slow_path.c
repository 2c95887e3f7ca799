// SPDX-License-Identifier: MIT
/*
 * slow_path.c - who is inside, added up per group of threads so that the
 * sums' cache lines are rarely shared.
 *
 * enter: inside += weight (full barrier), load closed.    closer: closed = 1 (full
 * barrier), load inside. One of the two sees the other.
 *
 * A thread's weight is its thread pointer and a one below it, so that a sum says not only
 * how many are inside, but of one that it is this one. That is needed where a handler forks:
 * it may have interrupted its thread between "depth" and the sum, on either side of the add,
 * and cannot know by itself whether it has been added.
 *
 * Forkers: such handlers, and those that interrupted a change of their thread's quarantine
 * (quarantine.h), from before they wait for any lock until they have forked. They
 * cannot leave. So a closer from outside makes way for them, and one that is a forker itself
 * does not wait for the others: then its child has their operations, unfinished for ever.
 * Nor does it wait long for anybody where there is one from within: who is inside may sleep for a
 * lock that that one interrupted.
 * A handler that ends the process from within is one, too, as it does not leave either: from
 * Lane's destructor on. What exit() calls before may wait for a lock that fork() holds, so a closer
 * from outside does not wait for ever either (fork.c), nor a forker.
 */
#include "slow_path.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "atomic.h"
#include "backoff.h"
#include "barrier.h"
#include "bug.h"
#include "layout.h"
#include "os.h"
#include "quarantine.h"
#include "reentry.h"

#define GROUPS 64u
#define FORKERS 64u	   /* at once */
#define FORKERS_A_GROUP 8u /* more are waited for, by forkers */

static struct {
	u64 inside;			  /* sum of weights; atomic */
} group[GROUPS] __aligned_to(CACHE_LINE); /* packed: a group is entered once a batch */

static uintptr_t forkers[FORKERS]; /* thread pointers, 0: none; atomic */

static u32 closed;     /* atomic */
static bool unawaited; /* the door is closed, and somebody was not waited for; who closed it */
static __thread u64 mask __attribute__((tls_model("initial-exec")));	/* from before the first */
static __thread u32 readers __attribute__((tls_model("initial-exec"))); /* read sections */
static __thread bool depth __attribute__((tls_model("initial-exec")));	/* is inside */
static __thread bool closer __attribute__((tls_model("initial-exec"))); /* this thread forks */
static __thread bool holder __attribute__((tls_model("initial-exec"))); /* holds the door open */
static __thread void (*deferred)(void) __attribute__((tls_model("initial-exec")));

static u32 group_of(uintptr_t thread)
{
	return (u32)(thread >> 12) % GROUPS;
}

static u64 weight_of(uintptr_t thread)
{
	return (u64)thread << 16 | 1;
}

/* @sign: 1 to enter, -1 to leave. A full barrier. */
static void add_me(u64 sign)
{
	uintptr_t me = (uintptr_t)__builtin_thread_pointer();

	atomic_add_return(&group[group_of(me)].inside, weight_of(me) * sign);
}

static void wait_open(void)
{
	int saved_errno = errno;

	while (READ_ONCE(closed))
		syscall(SYS_futex, &closed, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
	errno = saved_errno;
}

bool slow_enter(void)
{
	if (unlikely(depth))
		return false;
	depth = true;
	barrier(); /* a signal handler from here on sees depth */
	for (;;) {
		add_me(1); /* full barrier; pairs with slow_close() */
		if (likely(!READ_ONCE(closed)) || closer || holder)
			return true;
		add_me(-1ULL);
		if (quarantine_interrupted()) { /* the fork waits for that */
			depth = false;
			return false;
		}
		wait_open();
	}
}

void slow_enter_always(void)
{
	BUG_ON(!slow_enter());
}

static __noinline void run_deferred(void)
{
	void (*fn)(void) = deferred;
	int saved_errno = errno;

	deferred = NULL;
	fn();
	errno = saved_errno;
}

void slow_exit(void)
{
	if (unlikely(reentry_pending()))
		reentry_drain();
	add_me(-1ULL);
	barrier();
	depth = false;
	if (unlikely(deferred))
		run_deferred();
}

void slow_defer(void (*fn)(void))
{
	deferred = fn;
}

bool slow_hold_open(void)
{
	if (!slow_enter())
		return false;
	holder = true;
	barrier();
	depth = false; /* it may enter again, and is counted twice then */
	return true;
}

void slow_let_go(void)
{
	barrier();
	holder = false;
	add_me(-1ULL);
}

void slow_read_begin(void)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	sigset_t all, old;

	if (readers++)
		return;
	sigfillset(&all);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	memcpy(&mask, &old, sizeof(mask));
}

void slow_read_end(void)
{
	u64 before = mask; /* a handler that comes now may read, too */
	sigset_t old;

	if (--readers)
		return;
	sigemptyset(&old);
	memcpy(&old, &before, sizeof(before));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

bool slow_interrupted(void)
{
	return depth || quarantine_interrupted();
}

static bool be_forker(uintptr_t me)
{
	for (u32 i = 0; i < FORKERS; i++) {
		if (!atomic_cmpxchg(&forkers[i], 0, me))
			return true;
	}
	return false;
}

/* A place becomes free, as forkers do not wait for others. Without one who closes waits for us. */
void slow_fork_begin(void)
{
	u32 turn = 0;

	while (slow_interrupted() && !be_forker((uintptr_t)__builtin_thread_pointer()))
		backoff(&turn);
}

static void fork_end(void)
{
	uintptr_t me = (uintptr_t)__builtin_thread_pointer();

	for (u32 i = 0; slow_interrupted() && i < FORKERS; i++)
		atomic_cmpxchg(&forkers[i], me, 0);
}

bool slow_is_forker(uintptr_t thread)
{
	for (u32 i = 0; i < FORKERS; i++) {
		if (READ_ONCE(forkers[i]) == thread)
			return true;
	}
	return false;
}

bool slow_forkers(void)
{
	for (u32 i = 0; i < FORKERS; i++) {
		if (READ_ONCE(forkers[i]))
			return true;
	}
	return false;
}

/* Whether some of the @n weights, or none, add up to @sum. */
static bool adds_up(u64 sum, const u64 *weight, u32 n)
{
	if (!n)
		return !sum;
	return adds_up(sum, weight + 1, n - 1) || adds_up(sum - weight[0], weight + 1, n - 1);
}

/* The forkers of group @g but for @but; how many. */
static u32 forkers_of(u32 g, uintptr_t but, u64 *weight)
{
	u32 n = 0;

	for (u32 i = 0; i < FORKERS && n < FORKERS_A_GROUP; i++) {
		uintptr_t t = READ_ONCE(forkers[i]);

		if (t && t != but && group_of(t) == g)
			weight[n++] = weight_of(t);
	}
	return n;
}

/* Whether all have left group @g who can: nobody is there, or this thread and other forkers. */
static bool is_left(u32 g)
{
	u64 weight[FORKERS_A_GROUP];
	u64 inside = smp_load_acquire(&group[g].inside); /* pairs with slow_exit() */

	return !inside || (slow_interrupted() && adds_up(inside, weight, forkers_of(g, 0, weight)));
}

/* Whether who is inside may sleep for a lock that a handler that forks has interrupted. */
static bool may_hold_up(void)
{
	uintptr_t me = (uintptr_t)__builtin_thread_pointer();

	if (depth)
		return true;
	for (u32 i = 0; slow_interrupted() && i < FORKERS; i++) {
		uintptr_t t = READ_ONCE(forkers[i]);

		if (t && t != me)
			return true;
	}
	return false;
}

bool slow_close(u32 patience_ms)
{
	u64 until;

	while (atomic_cmpxchg(&closed, 0, 1)) /* full barrier; pairs with slow_enter() */
		wait_open();
	closer = true;
	unawaited = false;
	until = os.now_ms() + patience_ms;
	for (u32 g = 0, turn = 0; g < GROUPS; g++) {
		while (!is_left(g)) {
			u64 now = os.now_ms();

			if (slow_interrupted()) {
				if (now >= (may_hold_up() ? until : until + EXIT_PATIENCE_MS)) {
					unawaited = true;
					break;
				}
			} else if (now >= until || slow_forkers()) {
				slow_open(false);
				return false;
			}
			backoff(&turn);
		}
	}
	smp_mb(); /* what they did before they left is visible */
	return true;
}

/*
 * In the child: nobody is inside but this thread, if it was. It counts as inside, too, where others
 * were not waited for, as the locks that they held stay so.
 */
static void forget_others(void)
{
	uintptr_t me = (uintptr_t)__builtin_thread_pointer();
	u64 weight[FORKERS_A_GROUP], inside = group[group_of(me)].inside;
	/* With somebody in it who was not waited for it counts as ours: who returns is warned. */
	bool mine = depth && !adds_up(inside, weight, forkers_of(group_of(me), me, weight));

	/* Not by the sums alone: who has come to the door counts there for a moment. */
	if (!depth && unawaited)
		mine = depth = true;
	for (u32 g = 0; g < GROUPS; g++)
		group[g].inside = 0;
	if (mine)
		group[group_of(me)].inside = weight_of(me);
	for (u32 i = 0; i < FORKERS; i++)
		forkers[i] = 0;
	deferred = NULL; /* the parent's, which may be a child itself; fork's handlers say anew */
}

void slow_open(bool child)
{
	if (child)
		forget_others();
	fork_end();
	closer = false;
	smp_store_release(&closed, 0);
	if (!child)
		syscall(SYS_futex, &closed, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}
