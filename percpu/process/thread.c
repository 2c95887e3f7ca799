// SPDX-License-Identifier: MIT
#include "thread.h"

#include <signal.h>
#include <sys/prctl.h>

#include "bug.h"
#include "os.h"

int thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* inherited */
	err = os.thread(thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

void thread_set_name(const char *name)
{
	prctl(PR_SET_NAME, name);
}

bool thread_own_files(bool speaks)
{
	if ((speaks && !bug_can_fetch_stderr()) || os.unshare_files())
		return false;
	bug_stderr_elsewhere = true;
	return true;
}
