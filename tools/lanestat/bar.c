// SPDX-License-Identifier: MIT
#include "bar.h"

void bar_split(const double *parts, int nr, double whole, int width, int *cells)
{
	double sum = 0;
	int done = 0;

	for (int i = 0; i < nr; i++) {
		int end = done;

		sum += parts[i];
		if (whole > 0 && width > 0)
			end = sum >= whole ? width : (int)(sum / whole * width + 0.5);
		cells[i] = end > done ? end - done : 0;
		done += cells[i];
	}
}
