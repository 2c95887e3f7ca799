/* SPDX-License-Identifier: MIT */
/*
 * gzip.h - bytes as a gzip file (RFC 1952), without malloc.
 *
 * zlib compresses, where it is installed: it is loaded when it is first
 * wanted, as libnuma is, and works in pages of ours. Else the file holds the bytes
 * as they are, in stored blocks (RFC 1951), which every reader takes.
 */
#ifndef PERCPU_GZIP_H
#define PERCPU_GZIP_H

#include "page_buf.h"

/* Append @len bytes at @data as a file of stored blocks. Errors stay in @to. */
void gzip_store(struct page_buf *to, const void *data, size_t len);

/*
 * The same, compressed where that can be. May load a library: takes the dynamic
 * loader's lock and calls malloc, so no lock that fork() takes may be held.
 */
void gzip_compress(struct page_buf *to, const void *data, size_t len);

/* Load it now, with no lock held that an exit may wait for; gzip_compress() does not any more. */
void gzip_prepare(void);

u32 gzip_crc32(u32 crc, const u8 *data, size_t len); /* begins with 0 */

#endif
