// SPDX-License-Identifier: MIT
#include "line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void painted(struct line *l, enum paint paint, int count)
{
	if (count > LINE_ROOM - l->len)
		count = LINE_ROOM - l->len;
	memset(l->paint + l->len, paint, count);
	l->len += count;
	l->text[l->len] = '\0';
}

void line_add(struct line *l, enum paint paint, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, LINE_ROOM + 1 - l->len, fmt, ap);
	va_end(ap);
	painted(l, paint, n > 0 ? n : 0);
}

void line_fill(struct line *l, enum paint paint, char c, int count)
{
	if (count > LINE_ROOM - l->len)
		count = LINE_ROOM - l->len;
	if (count <= 0)
		return;
	memset(l->text + l->len, c, count);
	painted(l, paint, count);
}

void line_pad(struct line *l, int to)
{
	line_fill(l, PAINT_PLAIN, ' ', to - l->len);
}

void line_repaint(struct line *l, enum paint paint)
{
	memset(l->paint, paint, l->len);
}
