// SPDX-License-Identifier: MIT
#include "rate.h"

#include <math.h>

double rate(int64_t before, int64_t after, double seconds)
{
	if (after < before || !(seconds > 0))
		return NAN;
	return (double)(after - before) / seconds;
}

double rate_add(double a, double b)
{
	if (isnan(a))
		return b;
	return isnan(b) ? a : a + b;
}
