// SPDX-License-Identifier: MIT
#include "fork.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"
#include "background.h"
#include "backoff.h"
#include "hooks.h"
#include "interpose.h"
#include "meta.h"
#include "os.h"
#include "prof_cycle.h"
#include "prof_trigger.h"
#include "quarantine.h"
#include "reentry.h"
#include "serve.h"
#include "slow_path.h"
#include "snapshot.h"
#include "spinlock.h"

#define NR_LOCKS 4
#define META_PATIENCE_MS 2000u /* for a lock whose holder waits for nothing, unless it is that */
#define PAUSE_SHARE 4u	       /* of a fork that gives up: a part of the time that it waited */
#define PATIENCE_MAX_MS (1u << 30) /* 12 days: only that it does not overflow */

/* Of a thread that forks, from prepare to parent or child. */
static __thread struct {
	u64 mask;  /* signals that were blocked, as the kernel has them */
	u32 taken; /* bit per lock */
	bool streams;
	bool meta;
	bool now; /* registered twice, they run once (register_ours()) */
} forking __attribute__((tls_model("initial-exec")));

/*
 * The C library's lock of the list of its streams, which can be taken again by its holder.
 * fork() takes it after our prepare; whoever holds it may wait for a stream, whose holder
 * may wait in malloc for the door. So it comes before the door. Weak: other C libraries.
 */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));
extern char __libc_single_threaded __attribute__((weak)); /* glibc 2.32 */

static u64 paused_until; /* ms; no fork from outside takes anything until then; racy */

static void all_locks(struct spinlock *locks[NR_LOCKS])
{
	serve_fork_locks(locks);
	locks[2] = &reader_lock;
	locks[3] = &prof_read_lock;
}

static void lock_streams(void)
{
	/* As the C library does, which with one thread neither takes it nor resets it. */
	bool alone = &__libc_single_threaded && __libc_single_threaded;

	forking.streams = _IO_list_lock && _IO_list_unlock && _IO_list_resetlock && !alone;
	if (forking.streams)
		_IO_list_lock();
}

static void unlock_streams(bool child)
{
	if (forking.streams && child)
		_IO_list_resetlock(); /* whatever the C library has made of it */
	else if (forking.streams)
		_IO_list_unlock();
}

/*
 * A reader waits for the end of a book's change, and that may be what a handler interrupted. So a
 * handler does without the lock after a while. Its holder is another thread, as signals are blocked
 * where one is held; what that leaves half done in the child is begun anew: a snapshot, a step of
 * the service.
 */
static bool take(struct spinlock *l, u64 until)
{
	bool handler = slow_interrupted();
	u32 turn = 0;

	while (!(handler ? spin_trylock_any_order(l) : spin_trylock(l))) {
		/* From outside: the holder may be what a forker interrupted, which waits for us. */
		if (os.now_ms() >= until || (!handler && slow_forkers()))
			return false;
		backoff(&turn);
	}
	return true;
}

/* False, from outside, where a forker has to go first, or one of them was not to be had in time. */
static bool take_all(u32 patience_ms)
{
	struct spinlock *locks[NR_LOCKS];
	u64 until = os.now_ms() + patience_ms;

	all_locks(locks);
	forking.taken = 0;
	for (u32 i = 0; i < NR_LOCKS; i++) {
		bool taken = take(locks[i], until);

		forking.taken |= (u32)taken << i;
		if (!taken && !slow_interrupted())
			return false;
	}
	return true;
}

static void give_all(bool child)
{
	struct spinlock *locks[NR_LOCKS];

	all_locks(locks);
	for (u32 i = NR_LOCKS; i-- > 0;) {
		if (forking.taken & 1u << i)
			spin_unlock(locks[i]);
		else if (child)
			locks[i]->word = 0; /* its holder is gone */
	}
	unlock_streams(child);
}

/*
 * A store into a collected object takes it outside of slow paths, for a buffer, with signals
 * blocked (gc/mark/queue.c). A forker may have interrupted its holder. So it is not waited for
 * without end.
 */
static bool take_meta(void)
{
	u64 until = os.now_ms() + (slow_interrupted() ? FORKER_PATIENCE_MS : META_PATIENCE_MS);
	u32 turn = 0;

	while (!spin_trylock_any_order(&meta_lock)) {
		if (os.now_ms() >= until)
			return false;
		backoff(&turn);
	}
	return true;
}

/* The door, and the quarantines behind it. False as slow_close(). */
static bool close_all(u32 patience_ms)
{
	if (!slow_close(patience_ms))
		return false;
	if (quarantine_close(patience_ms))
		return true;
	slow_open(false);
	return false;
}

/* No point of cancellation, as fork() is none. */
static void pause_ms(u32 ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL);
}

/* Forks from outside wait here where one has given up; a handler that forks does not. */
static void await_end_of_pause(void)
{
	u64 now = os.now_ms(), until = READ_ONCE(paused_until);

	if (!slow_interrupted() && now < until)
		pause_ms((u32)(until - now));
}

/* Another fork may give up while this one waits for the lock, and wakes it first. */
static void lock_streams_after_pause(void)
{
	for (;;) {
		await_end_of_pause();
		lock_streams();
		if (slow_interrupted() || os.now_ms() >= READ_ONCE(paused_until))
			return;
		unlock_streams(false);
	}
}

/*
 * All that a fork needs: the locks, the door, the quarantines. Whoever has to leave may wait for
 * one of our locks: a handler that interrupted a slow path and calls exit(), whose functions close
 * streams. Nobody can tell that from a thread that is slow. So from outside all is given back
 * after a while, for a part of that time, in which no other fork takes it either. Both double each
 * time, so that neither a slow path nor such an exit is too long, however many locks it takes.
 */
static void take_everything(void)
{
	for (u32 ms = FORKER_PATIENCE_MS;;) {
		u32 turn = 0;
		u64 until;

		lock_streams_after_pause();
		until = os.now_ms() + ms;
		if (take_all(ms) && close_all(ms))
			return;
		give_all(false);
		while (slow_forkers())
			backoff(&turn);
		if (os.now_ms() < until)
			continue; /* it was a forker that had to go first */
		WRITE_ONCE(paused_until, os.now_ms() + ms / PAUSE_SHARE);
		ms = min(ms * 2, PATIENCE_MAX_MS);
	}
}

static void prepare(void)
{
	sigset_t all, old;
	u64 mask;

	if (forking.now)
		return;
	/* A handler of this thread must not find reentry_lock held. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	memcpy(&mask, &old, sizeof(mask));
	slow_fork_begin();
	take_everything();
	forking.now = true;
	forking.mask = mask;
	forking.meta = take_meta();
	/* Taken outside the door by interrupted threads (reentry.h). */
	spin_lock(&reentry_lock);
}

static void release_all(bool child)
{
	sigset_t old;
	u64 mask = forking.mask;

	forking.now = false;
	spin_unlock(&reentry_lock);
	if (forking.meta)
		spin_unlock(&meta_lock);
	else if (child)
		meta_lock.word = 0;
	quarantine_open();
	slow_open(child);
	if (child)
		serve_fork_child();
	give_all(child);
	sigemptyset(&old);
	memcpy(&old, &mask, sizeof(mask));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void parent(void)
{
	if (forking.now)
		release_all(false);
}

static void child(void)
{
	if (!forking.now)
		return;
	release_all(true);
	WRITE_ONCE(paused_until, 0);
	quarantine_fork_child();
	if (hooks.fork_child)
		hooks.fork_child();
	background_after_fork();
	prof_trigger_after_fork();
	serve_after_fork();
}

/* What pthread_atfork() calls, in the C library. */
typedef int register_fn(void (*prepare)(void), void (*parent)(void), void (*child)(void),
			void *dso);

static register_fn *next_register; /* NULL: the program is linked statically */
static u32 registered; /* 0, the process that is about to do so, or REGISTERED; atomic */
#define REGISTERED (~0u)

extern const char *gnu_get_libc_version(void) __attribute__((weak));

/* The lock of handlers is not held while they run: glibc 2.36. */
static bool libc_lets_go_in_fork(void)
{
	const char *version = gnu_get_libc_version ? gnu_get_libc_version() : "";
	const char *minor = strchr(version, '.');

	return minor && (atoi(version) > 2 || atoi(minor + 1) >= 36);
}

/*
 * It registers under a lock of the C library's, and may allocate there. fork() takes that lock
 * again once our prepare has closed the door: so it must not close meanwhile. From glibc 2.36 on;
 * before, fork() has the lock all the time, and who registers would wait for it with the door held.
 */
static int register_next(void (*before)(void), void (*in_parent)(void), void (*in_child)(void),
			 void *dso)
{
	sigset_t all, old;
	bool held;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	held = libc_lets_go_in_fork() && slow_hold_open();
	err = next_register(before, in_parent, in_child, dso);
	if (held)
		slow_let_go();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

/*
 * Whether they are registered, or this thread is to do it: nobody has begun, or did in the process
 * that has forked this one meanwhile, and is not here.
 */
static bool is_registered(void)
{
	u32 me = (u32)getpid(), turn = 0;

	for (;;) {
		u32 by = smp_load_acquire(&registered); /* pairs with register_ours() */

		if (by == REGISTERED)
			return true;
		if (by != me && atomic_cmpxchg(&registered, by, me) == by)
			return false;
		backoff(&turn);
	}
}

/*
 * Once, or twice where a fork came in between. Not pthread_once(): a sanitizer that is about to
 * start has one of its own, which the child of a fork would wait for, too.
 */
static void register_ours(void)
{
	if (is_registered())
		return;
	next_register = (register_fn *)dlsym(RTLD_NEXT, "__register_atfork");
	if (next_register)
		register_next(prepare, parent, child, NULL); /* no owner: never taken back */
	smp_store_release(&registered, REGISTERED);	     /* pairs with is_registered() */
}

void fork_init(void)
{
	register_ours();
	if (!next_register)
		pthread_atfork(prepare, parent, child);
}

#ifndef LANE_NO_INTERPOSE
/*
 * Whoever comes first, Lane's handlers go in before his. Weak: in a program that
 * is linked statically and forks, the C library's takes its place.
 */
LANE_API __attribute__((weak)) register_fn __register_atfork;

LANE_API __attribute__((weak)) int __register_atfork(void (*before)(void), void (*in_parent)(void),
						     void (*in_child)(void), void *dso)
{
	register_ours();
	return next_register ? register_next(before, in_parent, in_child, dso) : 0;
}
#endif
