/* SPDX-License-Identifier: MIT */
/*
 * thread.h - threads of Lane's own. All signals are blocked in them: the
 * program's signals are for the program's threads.
 */
#ifndef PERCPU_THREAD_H
#define PERCPU_THREAD_H

#include <pthread.h>

/*
 * Start @fn(@arg) in a thread that ps shows as @name (15 bytes). 0 or -errno.
 * Not from malloc: the C library allocates for it.
 */
int thread_start(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg);

#endif
