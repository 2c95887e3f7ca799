// SPDX-License-Identifier: MIT
#include "fork.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#include "background.h"
#include "hooks.h"
#include "interpose.h"
#include "prof_cycle.h"
#include "prof_trigger.h"
#include "quarantine.h"
#include "reentry.h"
#include "serve.h"
#include "slow_path.h"
#include "snapshot.h"
#include "spinlock.h"

/* Of the forking thread, from prepare to parent or child; under the reader's lock. */
static sigset_t saved_mask;

static void prepare(void)
{
	sigset_t all, old;

	/* A handler of this thread must not find reentry_lock held. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	serve_fork_prepare();
	snapshot_lock();
	spin_lock(&prof_read_lock);
	saved_mask = old;
	slow_close();
	quarantine_close();
	/* Taken outside the door by interrupted threads (reentry.h). */
	spin_lock(&reentry_lock);
}

static void release_all(bool child)
{
	sigset_t old = saved_mask;

	spin_unlock(&reentry_lock);
	quarantine_open();
	slow_open(child);
	spin_unlock(&prof_read_lock);
	snapshot_unlock();
	if (child)
		serve_fork_child();
	else
		serve_fork_parent();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void parent(void)
{
	release_all(false);
}

static void child(void)
{
	release_all(true);
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
static pthread_once_t registered = PTHREAD_ONCE_INIT;

static void register_ours(void)
{
	next_register = (register_fn *)dlsym(RTLD_NEXT, "__register_atfork");
	if (next_register)
		next_register(prepare, parent, child, NULL); /* no owner: never taken back */
}

void fork_init(void)
{
	pthread_once(&registered, register_ours);
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
	pthread_once(&registered, register_ours);
	return next_register ? next_register(before, in_parent, in_child, dso) : 0;
}
#endif
