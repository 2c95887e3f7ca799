/* SPDX-License-Identifier: MIT */
/*
 * procfs.h - Lane's statistics as procfs-like text.
 */
#ifndef PERCPU_PROCFS_H
#define PERCPU_PROCFS_H

#include "compiler.h"

/* Version of the texts: grows when a key or column changes its meaning, not when one is added. */
#define PROCFS_VERSION 1

/* A file in pages of its own, as large as it takes. */
struct procfs_text {
	char *buf;   /* PROCFS_HEAD bytes for whoever sends it, then the text */
	size_t size; /* bytes mapped */
	size_t len;  /* bytes of it, without a 0 byte at its end */
};
#define PROCFS_HEAD 32

/* Render @name without malloc; as lane_proc_read() fails. Give the pages back afterwards. */
int procfs_render(const char *name, struct procfs_text *t);
void procfs_text_free(struct procfs_text *t);

/* What heapinfo says for an enum lane_mode. */
const char *procfs_mode_name(u32 mode);

/* Whether there is such a file. */
bool procfs_exists(const char *name);

/* Write one file to stderr. */
void procfs_print(const char *name);

/* Write all files to @fd, an empty line between them, from one snapshot. 0 or -errno. */
int procfs_write_all(int fd);

#endif
