// SPDX-License-Identifier: MIT
#include "prof_draw.h"

#include <string.h>
#include <sys/auxv.h>

#include "atomic.h"

#define ONE (1ULL << 32) /* 1 in fixed point */
#define LN2 2977044472ULL
#define SQRT2 6074000999ULL /* sqrt(2) in fixed point */
#define LOG_TERMS 13	    /* z^13 / 13 is below 2^-36 for z <= 0.172 */
#define EXP_TERMS 14	    /* x^14 / 14! is below 2^-43 for x <= ln 2 */
#define CERTAIN (40 * ONE)  /* exp(-40) is less than 2^-57: p is 1 */

struct prof_draw_test prof_draw_test;

static u64 counter; /* atomic; each draw takes the next */

/* A sequence of numbers evenly spaced, each then mixed until its bits look unrelated. */
static u64 mix(u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

void prof_draw_init(void)
{
	const void *bytes = (const void *)getauxval(AT_RANDOM);
	u64 seed[2] = {0};

	if (bytes)
		memcpy(seed, bytes, sizeof(seed));
	/* Mixed, so that nothing can be learned from it of what else was made from these bytes. */
	WRITE_ONCE(counter, mix(mix(seed[0]) + seed[1]));
}

u64 prof_random(void)
{
	return mix(atomic_add_return(&counter, 0x9e3779b97f4a7c15ULL));
}

/* ln(@m / 2^32) for m from 2^32 / sqrt(2) to 2^32 * sqrt(2); by 2 atanh((m - 1) / (m + 1)). */
static s64 log_near_one(u64 m)
{
	bool below = m < ONE;
	u64 d = below ? ONE - m : m - ONE;
	u64 z = (d << 32) / (m + ONE), z2 = z * z >> 32, sum = 0;

	for (s32 n = LOG_TERMS; n > 0; n -= 2)
		sum = (sum * z2 >> 32) + ONE / (u32)n;
	sum = 2 * (sum * z >> 32);
	return below ? -(s64)sum : (s64)sum;
}

u64 prof_exponential(u64 r)
{
	u32 zeros = r ? (u32)__builtin_clzll(r) : 64;
	/* r / 2^64 = m * 2^-halvings, with 1 <= m < 2 */
	u64 m = zeros == 64 ? ONE : r << zeros >> 31;
	u32 halvings = zeros == 64 ? 64 : zeros + 1;

	if (m > SQRT2) {
		m >>= 1;
		halvings--;
	}
	return (u64)((s64)(halvings * LN2) - log_near_one(m));
}

/* exp(-x) for x in fixed point. */
static u64 exp_minus(u64 x)
{
	u64 halvings = x / LN2, f = x % LN2, sum = ONE;

	for (u32 n = EXP_TERMS; n >= 1; n--)
		sum = ONE - (f * sum >> 32) / n;
	return sum >> halvings;
}

static u64 exponential(void)
{
	return prof_exponential(prof_random());
}

u64 prof_gap(u64 rate, u64 size, u64 limit)
{
	unsigned __int128 e = exponential();
	u64 gap;

	if (unlikely(prof_draw_test.uniform))
		e = (prof_random() >> 32) * 2;
	e = (e * rate >> 16) / size >> 16;
	gap = e >= limit ? limit : (u64)e + 1;
	return min(gap, limit);
}

/* @size / @rate in fixed point, CERTAIN or more where p is 1. */
static u64 ratio(u64 rate, u64 size)
{
	unsigned __int128 x = ((unsigned __int128)size << 32) / rate;

	return x > CERTAIN ? CERTAIN : (u64)x;
}

bool prof_hit(u64 rate, u64 size)
{
	/* Compared as e * rate < size, so that a small size of a large rate keeps its bits. */
	return rate && (unsigned __int128)exponential() * rate < (unsigned __int128)size << 32;
}

u64 prof_weight(u64 rate, u64 size)
{
	u64 x = ratio(rate, size);
	const unsigned __int128 one = (unsigned __int128)1 << PROF_WEIGHT_SHIFT;

	if (x >= CERTAIN)
		return (u64)one;
	/* 1 / (1 - exp(-x)) = 1 / x + 1 / 2 + x / 12 - x^3 / 720 ... */
	if (x < ONE / 8)
		return (u64)(one * rate / size + one / 2 + (one * size / rate) / 12);
	return (u64)((one << 32) / (ONE - exp_minus(x)));
}
