/* SPDX-License-Identifier: MIT */
/*
 * page_buf.h - bytes in pages of their own, as many as it takes: what is
 * written inside a malloc library without malloc.
 *
 * The first error stays, and what is put afterwards is dropped: a writer looks
 * at @err once, at its end. Not shared by threads. A struct of zeroes is empty.
 */
#ifndef PERCPU_PAGE_BUF_H
#define PERCPU_PAGE_BUF_H

#include "compiler.h"

struct page_buf {
	char *data;  /* moves when it grows */
	size_t len;  /* bytes put */
	size_t size; /* bytes mapped */
	int err;     /* 0 or -ENOMEM */
};

/* Room for @bytes more at the end, not counted in len yet; NULL where there is no memory. */
char *page_buf_room(struct page_buf *b, size_t bytes);

void page_buf_put(struct page_buf *b, const void *from, size_t bytes);

/* Text of at most PAGE_BUF_LINE bytes, without a 0 byte. */
#define PAGE_BUF_LINE 512
void page_buf_printf(struct page_buf *b, const char *fmt, ...) __printf(2, 3);

/* Give the pages back; empty afterwards, err included. */
void page_buf_free(struct page_buf *b);

#endif
