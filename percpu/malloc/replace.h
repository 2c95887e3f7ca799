/* SPDX-License-Identifier: MIT */
/*
 * replace.h - a file that is written beside its place and renamed, so that no reader sees
 * half of one, and a failure leaves what was there before.
 */
#ifndef PERCPU_REPLACE_H
#define PERCPU_REPLACE_H

/**
 * replace_file - put a new file in the place of @path
 * @path: where it belongs
 * @beside: where it is written, on the same file system; nobody else writes there. What is there
 *	    already, as a process that was killed has left it, is removed
 * @write: writes the contents to @fd: 0 or -errno
 * @arg: for @write
 *
 * Context: no locks that are waited for in a slow path.
 * Return: 0 or -errno.
 */
int replace_file(const char *path, const char *beside, int (*write)(int fd, void *arg), void *arg);

#endif
