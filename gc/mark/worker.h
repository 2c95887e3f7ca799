/* SPDX-License-Identifier: MIT */
/* worker.h - the threads that mark in the background; worker.c says when they do. */
#ifndef GC_WORKER_H
#define GC_WORKER_H

#include "compiler.h"

/* How many there are to be; start the one with number @index, 0 or -errno. */
u32 workers_planned(void);
int worker_start(u32 index);

/* There is work: all of them; one that has found nothing. */
void workers_wake(void);
void workers_call(void);

#endif
