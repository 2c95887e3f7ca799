// SPDX-License-Identifier: MIT
#include "report_html.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of the UTF-8 character at @s: 0 where it is none, or a control character. */
static int character(const unsigned char *s)
{
	uint32_t c = s[0];
	int len = c < 0x80 ? 1 : c >= 0xf0 && c < 0xf8 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if (len == 1)
		return (c >= ' ' && c != 0x7f) || c == '\n' || c == '\t';
	if (!len || c >= 0xf8)
		return 0;
	c &= 0x7f >> len;
	for (int i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	/* Longer than needed, halves of UTF-16, C1 controls, past the end. */
	if (c < least[len] || (c >= 0xd800 && c < 0xe000) || c < 0xa0 || c > 0x10ffff)
		return 0;
	return len;
}

void html_text(FILE *out, const char *s)
{
	while (*s) {
		int len = character((const unsigned char *)s);

		if (!len)
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
