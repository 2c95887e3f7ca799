// SPDX-License-Identifier: MIT
#include "report_html.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "utf8.h"

/* HTML has no place for them, C1's included. */
static bool is_control(const char *s)
{
	unsigned char c = *s;

	return (c < ' ' && c != '\n' && c != '\t') || c == 0x7f ||
	       (c == 0xc2 && (unsigned char)s[1] < 0xa0);
}

void html_text(FILE *out, const char *s)
{
	while (*s) {
		int len = utf8_len(s, strnlen(s, UTF8_MAX));

		if (!len || is_control(s))
			fputs("\xef\xbf\xbd", out);
		else if (*s == '&')
			fputs("&amp;", out);
		else if (*s == '<')
			fputs("&lt;", out);
		else if (*s == '>')
			fputs("&gt;", out);
		else if (*s == '"')
			fputs("&quot;", out);
		else if (*s == '\'')
			fputs("&#39;", out);
		else
			fwrite(s, 1, len, out);
		s += len ? len : 1;
	}
}

static const char *scaled(char *buf, double value, double step, const char *const *units)
{
	int unit = 0;

	while (value >= step - 0.5 && units[unit + 1]) {
		value /= step;
		unit++;
	}
	snprintf(buf, HTML_ROOM,
		 value == (double)(int64_t)value || value >= 999.95 ? "%.0f%s%s" : "%.1f%s%s",
		 value, *units[unit] ? " " : "", units[unit]);
	return buf;
}

const char *html_bytes(char *buf, double value)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};

	return scaled(buf, value, 1024, units);
}

const char *html_count(char *buf, double value)
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E", NULL};

	return scaled(buf, value, 1000, units);
}

const char *html_unit(char *buf, enum report_unit unit, double value)
{
	if (unit == UNIT_BYTES)
		return html_bytes(buf, value);
	if (unit == UNIT_COUNT)
		return html_count(buf, value);
	snprintf(buf, HTML_ROOM, "%.0f", value);
	return buf;
}

void html_exact(FILE *out, enum report_unit unit, int64_t value)
{
	fprintf(out, " data-v=\"%" PRId64 "\"", value);
	if (unit == UNIT_BYTES || unit == UNIT_COUNT)
		fprintf(out, " title=\"%" PRId64 "%s\"", value, unit == UNIT_BYTES ? " bytes" : "");
}

const char *html_share(char *buf, double part, double whole)
{
	if (whole <= 0)
		strcpy(buf, "");
	else
		snprintf(buf, HTML_ROOM, "%.1f %%", 100 * part / whole);
	return buf;
}

void html_section(FILE *out, const char *id, const char *title)
{
	fprintf(out, "<section id=\"%s\"><h2>%s</h2>\n", id, title);
}
