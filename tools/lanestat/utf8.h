/* SPDX-License-Identifier: MIT */
#ifndef LANESTAT_UTF8_H
#define LANESTAT_UTF8_H

#include <stddef.h>

#define UTF8_MAX 4 /* bytes of a character */

/* Bytes of the character at @s, of at most @len; 0 where there is none: no overlong ones, no
 * surrogates. */
int utf8_len(const char *s, size_t len);

#endif /* LANESTAT_UTF8_H */
