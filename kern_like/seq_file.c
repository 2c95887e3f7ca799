// SPDX-License-Identifier: MIT
#include "seq_file.h"

#include <stdarg.h>

#include "format.h"

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	size_t room = m->count < m->size ? m->size - m->count : 0;
	va_list ap;

	va_start(ap, fmt);
	m->count += format_v(room ? m->buf + m->count : NULL, room, fmt, ap);
	va_end(ap);
}
