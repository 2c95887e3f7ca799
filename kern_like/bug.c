// SPDX-License-Identifier: MIT
#include "bug.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format.h"

#define LINE_MAX_BYTES 512

__thread bool bug_stderr_elsewhere __attribute__((tls_model("initial-exec")));

bool bug_can_fetch_stderr(void)
{
	if (syscall(SYS_pidfd_open, 0, 0) >= 0 || errno != EINVAL)
		return false;
	return syscall(SYS_pidfd_getfd, -1, STDERR_FILENO, 0) < 0 && errno == EBADF;
}

/* The one of the process' first thread; pidfd_getfd(2), Linux 5.6. */
static int fetch_stderr(void)
{
	int process = (int)syscall(SYS_pidfd_open, getpid(), 0), fd;

	if (process < 0)
		return -1;
	fd = (int)syscall(SYS_pidfd_getfd, process, STDERR_FILENO, 0);
	syscall(SYS_close, process);
	return fd;
}

static void write_line(const char *fmt, va_list ap)
{
	static const char prefix[] = "lane: ";
	char line[LINE_MAX_BYTES];
	size_t len = sizeof(prefix) - 1;
	int fd = bug_stderr_elsewhere ? fetch_stderr() : STDERR_FILENO;

	__builtin_memcpy(line, prefix, len);
	len += format_v(line + len, sizeof(line) - len - 1, fmt, ap);
	len = min(len, sizeof(line) - 2);
	line[len++] = '\n';
	/* Not write(3): no point of cancellation. Where it fails there is nobody left to tell. */
	syscall(SYS_write, fd, line, len);
	if (fd != STDERR_FILENO)
		syscall(SYS_close, fd);
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
