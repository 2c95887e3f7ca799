/* SPDX-License-Identifier: MIT */
/*
 * thread.h - threads of Lane's own. All signals are blocked in them: the
 * program's signals are for the program's threads.
 *
 * And the program's descriptors are for the program: a thread that opens files
 * has a table of its own, where the kernel has that (close_range(2) with
 * CLOSE_RANGE_UNSHARE, 5.9). So the program can count, close and reuse all of
 * its numbers at any moment, and no child inherits one of Lane's. Where that is
 * refused the table is shared, and what is kept open is looked at before each
 * use (own_fd.h).
 */
#ifndef PERCPU_THREAD_H
#define PERCPU_THREAD_H

#include <pthread.h>

#include "compiler.h"

/*
 * Start @fn(@arg) in a thread, which begins with thread_set_name(). 0 or -errno.
 * Not from malloc: the C library allocates for it.
 */
int thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);

/*
 * What ps shows the calling thread as, 15 bytes. By the thread itself: for another one the C
 * library opens a file, at the lowest number of the program's table.
 */
void thread_set_name(const char *name);

/*
 * The calling thread, which is Lane's own, gets an empty table of descriptors. False: it shares
 * the program's still. What it says by pr_err() goes to the stderr of the process all the same, by
 * calls that filters of containers refuse: one that @speaks, of files that it cannot write, shares
 * the table then.
 */
bool thread_own_files(bool speaks);

#endif
