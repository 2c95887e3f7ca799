// SPDX-License-Identifier: MIT
/*
 * slow_path.c - who is inside, counted per group of threads so that the
 * counters' cache lines are rarely shared.
 *
 * enter: inside++ (full barrier), load closed.    closer: closed = 1 (full
 * barrier), load inside. One of the two sees the other.
 */
#include "slow_path.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "atomic.h"
#include "backoff.h"
#include "barrier.h"
#include "layout.h"
#include "reentry.h"

#define GROUPS 64u

static struct {
	u32 inside;			  /* threads; atomic */
} group[GROUPS] __aligned_to(CACHE_LINE); /* packed: a group is entered once a batch */

static u32 closed;							/* atomic */
static __thread u32 depth __attribute__((tls_model("initial-exec")));	/* 1 inside */
static __thread bool closer __attribute__((tls_model("initial-exec"))); /* this thread forks */

static u32 *my_group(void)
{
	return &group[((uintptr_t)__builtin_thread_pointer() >> 12) % GROUPS].inside;
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
	depth = 1;
	barrier(); /* a signal handler from here on sees depth */
	for (;;) {
		atomic_add_return(my_group(), 1); /* full barrier; pairs with slow_close() */
		if (likely(!READ_ONCE(closed)) || closer)
			return true;
		atomic_add_return(my_group(), (u32)-1);
		wait_open();
	}
}

void slow_exit(void)
{
	if (unlikely(reentry_pending()))
		reentry_drain();
	atomic_add_return(my_group(), (u32)-1);
	barrier();
	depth = 0;
}

void slow_close(void)
{
	while (atomic_cmpxchg(&closed, 0, 1)) /* full barrier; pairs with slow_enter() */
		wait_open();
	closer = true;
	for (u32 i = 0, turn = 0; i < GROUPS; i++) {
		/* A handler that interrupted our own slow path may fork: do not wait for ourselves.
		 */
		while (READ_ONCE(group[i].inside) > (&group[i].inside == my_group() ? depth : 0))
			backoff(&turn);
	}
	smp_mb(); /* what they did before they left is visible */
}

void slow_open(bool child)
{
	if (child) {
		for (u32 i = 0; i < GROUPS; i++)
			group[i].inside = &group[i].inside == my_group() ? depth : 0;
	}
	closer = false;
	smp_store_release(&closed, 0);
	if (!child)
		syscall(SYS_futex, &closed, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}
