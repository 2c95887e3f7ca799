/* SPDX-License-Identifier: MIT */
/*
 * fixed.h - fractions as 32.32 fixed point in a u64, and products of 128 bits.
 *
 * Everything saturates at FIXED_MOST instead of wrapping, so that two results
 * can be added without a further look. Division is for the collector's thread;
 * who allocates only multiplies.
 */
#ifndef GC_FIXED_H
#define GC_FIXED_H

#include "compiler.h"

#define FIXED_ONE (1ULL << 32)
#define FIXED_MOST (1ULL << 62)

/* @a * @b / @c, rounded down. */
static inline u64 mul_div(u64 a, u64 b, u64 c)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	if (!c || product / c > FIXED_MOST)
		return FIXED_MOST;
	return (u64)(product / c);
}

/* @n / @d as a fraction. */
static inline u64 fixed_ratio(u64 n, u64 d)
{
	return mul_div(n, FIXED_ONE, d);
}

/* @x times the fraction @f, rounded down. */
static inline u64 fixed_mul(u64 x, u64 f)
{
	unsigned __int128 product = ((unsigned __int128)x * f) >> 32;

	return product > FIXED_MOST ? FIXED_MOST : (u64)product;
}

/* The same, rounded up. */
static inline u64 fixed_mul_up(u64 x, u64 f)
{
	unsigned __int128 product = ((unsigned __int128)x * f + (FIXED_ONE - 1)) >> 32;

	return product > FIXED_MOST ? FIXED_MOST : (u64)product;
}

/* From @from to @to as the fraction @f, 0 to 1, goes. */
static inline u64 fixed_blend(u64 from, u64 to, u64 f)
{
	return to >= from ? from + fixed_mul(to - from, f) : from - fixed_mul(from - to, f);
}

/* @a - @b, or 0. */
static inline u64 sub_floor(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

#endif
