// SPDX-License-Identifier: MIT
#include "format.h"

struct out {
	char *buf;
	size_t room; /* bytes, the 0 byte included */
	size_t len;  /* bytes of text so far, written or not */
};

struct spec {
	unsigned int width;
	bool left;
	bool zero;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->room)
		o->buf[o->len] = c;
	o->len++;
}

static void put_padded(struct out *o, const char *s, size_t n, const struct spec *sp)
{
	size_t pad = sp->width > n ? sp->width - n : 0;

	for (size_t i = 0; !sp->left && i < pad; i++)
		put(o, sp->zero ? '0' : ' ');
	for (size_t i = 0; i < n; i++)
		put(o, s[i]);
	for (size_t i = 0; sp->left && i < pad; i++)
		put(o, ' ');
}

static void put_number(struct out *o, u64 v, unsigned int base, bool negative,
		       const struct spec *sp)
{
	char digits[24];
	size_t n = sizeof(digits);

	do {
		digits[--n] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative && sp->zero && !sp->left) { /* the sign stands before the zeroes */
		struct spec rest = *sp;

		put(o, '-');
		rest.width -= rest.width > 0;
		put_padded(o, digits + n, sizeof(digits) - n, &rest);
		return;
	}
	if (negative)
		digits[--n] = '-';
	put_padded(o, digits + n, sizeof(digits) - n, sp);
}

static const char *parse_spec(const char *f, struct spec *sp)
{
	*sp = (struct spec){0};
	for (;; f++) {
		if (*f == '-')
			sp->left = true;
		else if (*f == '0')
			sp->zero = true;
		else
			break;
	}
	while (*f >= '0' && *f <= '9')
		sp->width = sp->width * 10 + (unsigned int)(*f++ - '0');
	return f;
}

size_t format_v(char *buf, size_t len, const char *f, va_list ap)
{
	struct out o = {.buf = buf, .room = len};

	for (; *f; f++) {
		struct spec sp;
		bool wide = false;

		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f = parse_spec(f + 1, &sp);
		for (; *f == 'l' || *f == 'z'; f++)
			wide = true;
		switch (*f) {
		case 's': {
			const char *s = va_arg(ap, const char *);

			put_padded(&o, s, __builtin_strlen(s), &sp);
			break;
		}
		case 'd': {
			s64 v = wide ? va_arg(ap, long) : va_arg(ap, int);

			put_number(&o, v < 0 ? 0 - (u64)v : (u64)v, 10, v < 0, &sp);
			break;
		}
		case 'u':
		case 'x': {
			u64 v = wide ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int);

			put_number(&o, v, *f == 'x' ? 16 : 10, false, &sp);
			break;
		}
		case 'p':
			put(&o, '0');
			put(&o, 'x');
			put_number(&o, (uintptr_t)va_arg(ap, void *), 16, false, &sp);
			break;
		case 'c':
			put(&o, (char)va_arg(ap, int));
			break;
		case '%':
			put(&o, '%');
			break;
		default: /* an unknown letter is shown as it stands */
			put(&o, '%');
			put(&o, *f);
			break;
		}
	}
	if (o.room)
		o.buf[min(o.len, o.room - 1)] = '\0';
	return o.len;
}

size_t format(char *buf, size_t len, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = format_v(buf, len, fmt, ap);
	va_end(ap);
	return n;
}
