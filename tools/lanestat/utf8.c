// SPDX-License-Identifier: MIT
#include "utf8.h"

int utf8_len(const char *text, size_t len)
{
	static const unsigned int least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;
	unsigned int code;
	int n;

	if (!len || s[0] < 0x80)
		return len > 0;
	n = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (!n || s[0] > 0xf4 || (size_t)n > len)
		return 0;
	code = s[0] & (0x7f >> n);
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	return code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : n;
}
