// SPDX-License-Identifier: MIT
#include "page_buf.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include "format.h"
#include "os.h"

#define LEAST (64u << 10) /* bytes of the first mapping */

static void grow(struct page_buf *b, size_t bytes)
{
	size_t size = max(b->size * 2, (size_t)LEAST);
	char *data;

	/* Beyond this a count of bytes has gone wrong. */
	if (bytes > SIZE_MAX / 4 - b->len) {
		b->err = -ENOMEM;
		return;
	}
	size = ALIGN_UP(max(size, b->len + bytes), os_page_size);
	data = os.map(size, PROT_READ | PROT_WRITE);
	if (os_is_err(data)) {
		b->err = -ENOMEM;
		return;
	}
	if (b->size) {
		memcpy(data, b->data, b->len);
		os_give_back(b->data, b->size);
	}
	b->data = data;
	b->size = size;
}

char *page_buf_room(struct page_buf *b, size_t bytes)
{
	if (!b->err && bytes > b->size - b->len)
		grow(b, bytes);
	return b->err ? NULL : b->data + b->len;
}

void page_buf_put(struct page_buf *b, const void *from, size_t bytes)
{
	char *to = page_buf_room(b, bytes);

	if (!to)
		return;
	memcpy(to, from, bytes);
	b->len += bytes;
}

void page_buf_printf(struct page_buf *b, const char *fmt, ...)
{
	char *to = page_buf_room(b, PAGE_BUF_LINE + 1);
	va_list ap;

	if (!to)
		return;
	va_start(ap, fmt);
	b->len += min(format_v(to, PAGE_BUF_LINE + 1, fmt, ap), (size_t)PAGE_BUF_LINE);
	va_end(ap);
}

void page_buf_free(struct page_buf *b)
{
	if (b->size)
		os_give_back(b->data, b->size);
	*b = (struct page_buf){0};
}
