// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lanestat.h"

static void line(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("lanestat: ", stderr);
	vfprintf(stderr, fmt, ap);
}

int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return STATUS_FAILED;
}

int misused(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
	fputs(" (lanestat --help)\n", stderr);
	return STATUS_USAGE;
}

int fail_client(pid_t pid, const char *name, int err)
{
	switch (-err) {
	case ESRCH:
		return fail("%d: no such process, or it does not serve", (int)pid);
	case ENOENT:
		return fail("%d: no file '%s'", (int)pid, name);
	case EACCES:
	case EPERM:
		return fail("%d: %s: not allowed", (int)pid, name);
	case EIO:
		return fail("%d: %s: the process does not answer, or died meanwhile", (int)pid,
			    name);
	default:
		return fail("%d: %s: %s", (int)pid, name, strerror(-err));
	}
}

int finish_output(void)
{
	if (fflush(stdout) || ferror(stdout))
		return fail("cannot write: %s", strerror(errno));
	return STATUS_OK;
}
