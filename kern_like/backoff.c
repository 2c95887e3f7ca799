// SPDX-License-Identifier: MIT
#include "backoff.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

#define SPINS 200 /* a few us */
#define YIELDS 20
#define SLEEP_NS 50000

void backoff(u32 *turn)
{
	int saved_errno = errno;

	if (*turn < SPINS)
		cpu_relax();
	else if (*turn < SPINS + YIELDS)
		sched_yield();
	else
		/* Not nanosleep(3): a thread must not be cancelled here, its caller holds locks. */
		syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0,
			&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
	*turn += *turn < SPINS + YIELDS;
	errno = saved_errno;
}
