/* SPDX-License-Identifier: MIT */
/*
 * line.h - a line of a screen before it is on one: characters, and what each is
 * for. The screen knows colours; a file gets the characters alone, which is why
 * nothing is told by colour only.
 */
#ifndef LANESTAT_LINE_H
#define LANESTAT_LINE_H

#define LINE_ROOM 512 /* columns, beyond which a line is cut */

enum paint {
	PAINT_PLAIN,
	PAINT_BOLD,
	PAINT_TITLE, /* headings, reversed */
	PAINT_SORT,  /* the heading that is sorted by */
	PAINT_CURSOR,
	PAINT_USED,
	PAINT_CACHED,
	PAINT_FREE,
	PAINT_ALERT,
	NR_PAINTS,
};

struct line {
	int len;
	char text[LINE_ROOM + 1];
	unsigned char paint[LINE_ROOM];
};

void line_add(struct line *l, enum paint paint, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void line_fill(struct line *l, enum paint paint, char c, int count);

/* Blanks up to column @to; and another paint for all that is there. */
void line_pad(struct line *l, int to);
void line_repaint(struct line *l, enum paint paint);

#endif /* LANESTAT_LINE_H */
