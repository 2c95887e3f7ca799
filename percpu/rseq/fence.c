// SPDX-License-Identifier: MIT
#include "fence.h"

#include <errno.h>
#include <linux/membarrier.h>

#include "backoff.h"
#include "bug.h"
#include "os.h"

#define TRIES 100

bool fence_refused;

/* The kernel allocates a mask of CPUs for it: no memory just now is no refusal. */
static int membarrier(int cmd)
{
	u32 turn = 0;
	int err;

	for (int i = 0; (err = os.membarrier(cmd)) == -ENOMEM && i < TRIES; i++)
		backoff(&turn);
	return err;
}

int rseq_fence_register(void)
{
	int err = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ);

	if (err)
		return err;
	/* Refused by a filter rather than unknown: find out now, not in the middle of a stop. */
	return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
}

bool rseq_fence(void)
{
	if (likely(!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)))
		return true;
	if (!fence_refused)
		pr_err("membarrier worked at start and is refused now: CPU caches stay where they "
		       "are, statistics may miss operations in flight");
	WRITE_ONCE(fence_refused, true);
	return false;
}
