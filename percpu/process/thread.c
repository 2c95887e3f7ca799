// SPDX-License-Identifier: MIT
#include "thread.h"

#include <signal.h>

#include "bug.h"
#include "os.h"

int thread_start(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* inherited */
	err = os.thread(thread, NULL, fn, arg);
	if (!err)
		pthread_setname_np(*thread, name);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

bool thread_own_files(bool speaks)
{
	if ((speaks && !bug_can_fetch_stderr()) || os.unshare_files())
		return false;
	bug_stderr_elsewhere = true;
	return true;
}
