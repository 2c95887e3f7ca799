/* SPDX-License-Identifier: MIT */
/*
 * procfs.h - Lane's statistics as procfs-like text.
 */
#ifndef PERCPU_PROCFS_H
#define PERCPU_PROCFS_H

#include "compiler.h"

/* Version of the texts: grows when a key or column changes its meaning, not when one is added. */
#define PROCFS_VERSION 1

/* Write one file to stderr. */
void procfs_print(const char *name);

/* Write all files to @fd, an empty line between them, from one snapshot. 0 or -errno. */
int procfs_write_all(int fd);

#endif
