// SPDX-License-Identifier: MIT
#include "fence.h"

#include <linux/membarrier.h>

#include "bug.h"
#include "os.h"

bool fence_refused;

int rseq_fence_register(void)
{
	int err = os.membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ);

	if (err)
		return err;
	/* Refused by a filter rather than unknown: find out now, not in the middle of a stop. */
	return os.membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
}

bool rseq_fence(void)
{
	if (likely(!os.membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)))
		return true;
	if (!fence_refused)
		pr_err("membarrier worked at start and is refused now: CPU caches stay where they "
		       "are, statistics may miss operations in flight");
	WRITE_ONCE(fence_refused, true);
	return false;
}
