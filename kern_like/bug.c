// SPDX-License-Identifier: MIT
#include "bug.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format.h"

#define LINE_MAX_BYTES 512

static void write_line(const char *fmt, va_list ap)
{
	static const char prefix[] = "lane: ";
	char line[LINE_MAX_BYTES];
	size_t len = sizeof(prefix) - 1;

	__builtin_memcpy(line, prefix, len);
	len += format_v(line + len, sizeof(line) - len - 1, fmt, ap);
	len = min(len, sizeof(line) - 2);
	line[len++] = '\n';
	/* Not write(3): no point of cancellation. */
	if (syscall(SYS_write, STDERR_FILENO, line, len) < 0)
		return; /* nobody left to tell */
}

void pr_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(fmt, ap);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(fmt, ap);
	va_end(ap);
	abort();
}
