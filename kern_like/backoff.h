/* SPDX-License-Identifier: MIT */
/*
 * backoff.h - waiting for something that no one announces: spin, then yield,
 * then sleep. Whoever is waited for may be preempted, and where the waiter has
 * the higher priority neither of the first two lets it run.
 */
#ifndef KERN_BACKOFF_H
#define KERN_BACKOFF_H

#include "compiler.h"

/* Wait a little longer each time; *@turn starts at 0. Keeps errno. */
void backoff(u32 *turn);

#endif
