// SPDX-License-Identifier: MIT
#include "lanefs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool has_said; /* main thread, until requests are served */

bool said_any(void)
{
	return has_said;
}

void said(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	len = strlen(line);
	while (len && line[len - 1] == '\n')
		line[--len] = '\0';
	fprintf(stderr, "lanefs: %s\n", line);
	has_said = true;
}
