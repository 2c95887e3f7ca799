/* SPDX-License-Identifier: MIT */
/*
 * fork.h - fork() of a process with threads.
 *
 * prepare	the service finishes its step (serve.h), a reader finishes (RANK_READER), the door
 *of the slow paths closes and all who are inside leave (slow_path.h). Then no lock is held and
 *nothing is between two layers. parent	the door opens. child	the same; and lanes that a stopper
 *had stopped would be up again, but there are none, as a stopper is inside.
 *
 * A thread of the parent may be in a restartable sequence at that instant. In
 * the child its stores before the commit are there or not, the commit is not:
 * harmless, as for any aborted section.
 */
#ifndef PERCPU_FORK_H
#define PERCPU_FORK_H

/* Register the handlers; before any other library's, so that ours run last. */
void fork_init(void);

#endif
