/* SPDX-License-Identifier: MIT */
/*
 * hold_marking.h - a thread that keeps a cycle from ending its marking: it holds back the signal
 * by which it would show its stack.
 */
#ifndef LANE_HOLD_MARKING_H
#define LANE_HOLD_MARKING_H

#include <lane/lane_gc.h>
#include <semaphore.h>
#include <signal.h>

static sem_t marking_held, marking_let;

static void *marking_holder(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	if (lane_gc_attach())
		ksft_exit_fail_msg("lane_gc_attach");
	sem_post(&marking_held);
	sem_wait(&marking_let);
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
	lane_gc_detach();
	return arg;
}

/* From now on; @holder is to be joined after marking_let_go(). */
static inline void marking_hold(pthread_t *holder)
{
	sem_init(&marking_held, 0, 0);
	sem_init(&marking_let, 0, 0);
	start_thread(holder, marking_holder, NULL);
	sem_wait(&marking_held);
}

static inline void marking_let_go(void)
{
	sem_post(&marking_let);
}

#endif
