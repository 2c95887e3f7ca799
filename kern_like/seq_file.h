/* SPDX-License-Identifier: MIT */
/*
 * seq_file.h - text into a caller's buffer, as the kernel's seq_file: what
 * does not fit is counted, not written, so the caller knows what it takes.
 */
#ifndef KERN_SEQ_FILE_H
#define KERN_SEQ_FILE_H

#include "compiler.h"

struct seq_file {
	char *buf;
	size_t size;  /* bytes of room at buf */
	size_t count; /* bytes of the text so far, written or not */
};

void seq_printf(struct seq_file *m, const char *fmt, ...) __printf(2, 3);

#endif
