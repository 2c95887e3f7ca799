/* SPDX-License-Identifier: MIT */
/*
 * report_chart.h - the frame of a chart: a scale on the left, lines behind, and
 * an SVG of CHART_WIDTH x CHART_HEIGHT units that is stretched to the frame. All
 * words stand beside the SVG and not in it, so that stretching leaves them alone.
 */
#ifndef LANESTAT_REPORT_CHART_H
#define LANESTAT_REPORT_CHART_H

#include <stdio.h>

#include "report_words.h"

#define CHART_WIDTH 1000.0
#define CHART_HEIGHT 300.0

struct chart {
	FILE *out;
	double top; /* the value of the upper edge */
	enum report_unit unit;
};

/* Begins a chart for values from 0 to @most; @width is of the whole, in CSS, NULL: as wide as the
 * page. */
struct chart chart_begin(FILE *out, const char *id, const char *label, enum report_unit unit,
			 double most, const char *width);

/* Where @value is, from the upper edge. */
double chart_y(const struct chart *c, double value);

/* Ends the SVG; labels below it follow, up to chart_end(). */
void chart_labels(const struct chart *c);
void chart_end(const struct chart *c);

#endif /* LANESTAT_REPORT_CHART_H */
