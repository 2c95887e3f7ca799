/* SPDX-License-Identifier: MIT */
/*
 * report_html.h - text and numbers in HTML. Whatever comes from a process goes
 * through html_text(), in elements and in quoted attributes alike.
 */
#ifndef LANESTAT_REPORT_HTML_H
#define LANESTAT_REPORT_HTML_H

#include <stdint.h>
#include <stdio.h>

#include "report_words.h"

#define HTML_ROOM 40

/* Escaped; what is no UTF-8, and control characters but line ends, come out as U+FFFD. */
void html_text(FILE *out, const char *s);

/* "400.7 MiB", "32 KiB"; "999", "68.1 k"; returns @buf. */
const char *html_bytes(char *buf, double value);
const char *html_count(char *buf, double value);
const char *html_unit(char *buf, enum report_unit unit, double value);

/* <section> and its title. */
void html_section(FILE *out, const char *id, const char *title);

/* The attributes data-v and title with the exact number. */
void html_exact(FILE *out, enum report_unit unit, int64_t value);

/* "61.3 %" of @whole, "" where that is nothing. */
const char *html_share(char *buf, double part, double whole);

#endif /* LANESTAT_REPORT_HTML_H */
