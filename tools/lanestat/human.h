/* SPDX-License-Identifier: MIT */
/*
 * human.h - numbers in at most six characters, and text that cannot move the
 * cursor of a terminal.
 */
#ifndef LANESTAT_HUMAN_H
#define LANESTAT_HUMAN_H

#include <stddef.h>
#include <stdint.h>

#define HUMAN_ROOM 16

/* 1024s: "512", "1.5K", "23.4M", "1023M"; "-" where @value is NaN. Returns @buf. */
const char *human_bytes(char *buf, double value);

/* 1000s: "999", "1.5k", "23.4M", "999M"; "-" where @value is NaN. Returns @buf. */
const char *human_count(char *buf, double value);

/* Other bytes than printable ASCII become '?', in place. */
void human_printable(char *s);

#endif /* LANESTAT_HUMAN_H */
