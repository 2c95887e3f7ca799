// SPDX-License-Identifier: MIT
/* Numbers that the user gives: whole words, in the range that makes sense, or refused. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "lanestat.h"

static bool parse_long(const char *text, long most, long *value)
{
	char *end;

	/* strtol() alone takes blanks and signs. */
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtol(text, &end, 10);
	return !errno && !*end && *value > 0 && *value <= most;
}

bool parse_pid(const char *text, pid_t *pid)
{
	long value;

	/* The kernel's PID_MAX_LIMIT. */
	if (!parse_long(text, 4 << 20, &value))
		return false;
	*pid = (pid_t)value;
	return true;
}

bool parse_count(const char *text, long *count)
{
	return parse_long(text, 1L << 40, count);
}

/* From 0.1 s, faster than which no screen can be read, to a day. */
bool parse_seconds(const char *text, double *seconds)
{
	char *end;

	if ((*text < '0' || *text > '9') && *text != '.')
		return false;
	*seconds = strtod(text, &end);
	return end != text && !*end && isfinite(*seconds) && *seconds >= 0.1 && *seconds <= 86400;
}
