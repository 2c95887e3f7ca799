// SPDX-License-Identifier: MIT
#include "fork.h"

#include <pthread.h>
#include <signal.h>

#include "background.h"
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
	saved_mask = old;
	slow_close();
	/* Taken outside the door by interrupted threads (reentry.h). */
	spin_lock(&reentry_lock);
}

static void release_all(bool child)
{
	sigset_t old = saved_mask;

	spin_unlock(&reentry_lock);
	slow_open(child);
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
	background_after_fork();
	serve_after_fork();
}

void fork_init(void)
{
	pthread_atfork(prepare, parent, child);
}
