/* SPDX-License-Identifier: MIT */
/* roots_lock.h - whether others get the lock of roots, handles and finalizers */
#ifndef LANE_ROOTS_LOCK_H
#define LANE_ROOTS_LOCK_H

#include "../gc/nodes.h"

#include "roots.h"

#define LOCK_SECONDS 60 /* until it counts as held */

/* Others take it for a moment. */
static inline bool may_have_lock(void)
{
	for (double end = ksft_now() + LOCK_SECONDS; ksft_now() < end;) {
		if (spin_trylock(&roots_lock)) {
			spin_unlock(&roots_lock);
			return true;
		}
		usleep(200);
	}
	return false;
}

#endif
