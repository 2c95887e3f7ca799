/* SPDX-License-Identifier: MIT */
#ifndef LANESTAT_BAR_H
#define LANESTAT_BAR_H

/*
 * bar_split - how many cells of a bar each part gets
 * @parts: what is shown, none negative
 * @whole: what the full @width stands for
 * @cells: set for each part; together at most @width
 *
 * Each part ends at the cell to which the sum so far rounds, so errors never add
 * up, and the whole bar is as long as the sum asks for.
 */
void bar_split(const double *parts, int nr, double whole, int width, int *cells);

#endif /* LANESTAT_BAR_H */
