// SPDX-License-Identifier: MIT
#include "human.h"

#include <math.h>
#include <stdio.h>

static const char *scaled(char *buf, double value, double step, const char *units)
{
	int unit = -1;

	if (isnan(value)) {
		snprintf(buf, HUMAN_ROOM, "-");
		return buf;
	}
	/* What would be rounded up to a whole step belongs to the next unit. */
	while (value >= step - 0.5 && units[unit + 1]) {
		value /= step;
		unit++;
	}
	if (unit < 0)
		snprintf(buf, HUMAN_ROOM, "%.0f", value);
	else
		snprintf(buf, HUMAN_ROOM, value < 99.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return buf;
}

const char *human_bytes(char *buf, double value)
{
	return scaled(buf, value, 1024, "KMGTPE");
}

const char *human_count(char *buf, double value)
{
	return scaled(buf, value, 1000, "kMGTPE");
}

void human_printable(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}
