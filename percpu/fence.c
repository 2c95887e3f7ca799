// SPDX-License-Identifier: MIT
#include "fence.h"

#include <linux/membarrier.h>

#include "bug.h"
#include "os.h"

int rseq_fence_register(void)
{
	int err = os.membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ);

	if (err)
		return err;
	/* Refused by a filter rather than unknown: find out now, not in the middle of a stop. */
	return os.membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
}

void rseq_fence(void)
{
	int err = os.membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);

	if (unlikely(err))
		panic("membarrier worked at start and now fails: %d", err);
}
