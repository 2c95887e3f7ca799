/* SPDX-License-Identifier: MIT */
/*
 * format.h - a printf that never allocates and takes no locale or stdio
 * lock, so that it may run inside malloc, in signal handlers and while
 * dying. It knows %s %d %u %x %p %c %%, a width, '-', '0' and l, ll, z.
 */
#ifndef KERN_FORMAT_H
#define KERN_FORMAT_H

#include <stdarg.h>

#include "compiler.h"

/*
 * Writes at most @len bytes, the last a 0 byte (none where @len is 0).
 * Returns the bytes that the whole text takes, as snprintf() does.
 */
size_t format_v(char *buf, size_t len, const char *fmt, va_list ap);
size_t format(char *buf, size_t len, const char *fmt, ...) __printf(3, 4);

#endif
