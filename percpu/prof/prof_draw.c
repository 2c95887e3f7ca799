// SPDX-License-Identifier: MIT
#include "prof_draw.h"

#include <string.h>
#include <sys/auxv.h>

#include "atomic.h"

#define STEP 0x9e3779b97f4a7c15ULL
#define ONE (1ULL << 32) /* 1 in fixed point */
#define LN2 2977044472ULL
#define LN2_FINE 47632711549ULL /* in units of 2^-36 */
#define EXP_TERMS 14		/* x^14 / 14! is below 2^-43 for x <= ln 2 */
#define CERTAIN (40 * ONE)	/* exp(-40) is less than 2^-57: p is 1 */

struct prof_draw_test prof_draw_test;

static u64 counter; /* of threads that began to draw, as it were; atomic */

/*
 * Where this thread is in the sequence; 0: nowhere yet. Threads begin at unrelated places
 * of it. A handler inside a draw may draw the same number; it draws none inside a slow path.
 */
static __thread u64 place __attribute__((tls_model("initial-exec")));

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
	if (unlikely(!place))
		place = mix(atomic_add_return(&counter, STEP));
	return mix(place += STEP);
}

/*
 * ln(m) for m from 1 to 2 as ln(m * c) - ln(c), where c is a table's value near 1 / m: what
 * is left, ln(1 + t) for |t| < 1 / 64, takes four terms. c = 1 / (1 + (i + 1 / 2) / 32)
 * in units of 2^-26, -ln(c) in units of 2^-36.
 */
#define LOG_BITS 5
static const struct {
	u32 c;
	u64 log;
} near[1 << LOG_BITS] = {
	/* clang-format off */
	{66076420, 1065439522ULL}, {64103989, 3148007874ULL}, {62245903, 5169313970ULL}, {60492497, 7132861493ULL},
	{58835168, 9041858970ULL}, {57266231, 10899254217ULL}, {55778796, 12707766402ULL}, {54366675, 14469900288ULL},
	{53024288, 16187976645ULL}, {51746594, 17864144957ULL}, {50529027, 19500400388ULL}, {49367440, 21098600026ULL},
	{48258060, 22660472587ULL}, {47197443, 24187635351ULL}, {46182444, 25681596193ULL}, {45210182, 27143767912ULL},
	{44278013, 28575475927ULL}, {43383508, 29977962410ULL}, {42524429, 31352397168ULL}, {41698712, 32699880950ULL},
	{40904450, 34021451454ULL}, {40139881, 35318083550ULL}, {39403370, 36590701815ULL}, {38693399, 37840181924ULL},
	{38008560, 39067348191ULL}, {37347542, 40272983170ULL}, {36709122, 41457831982ULL}, {36092162, 42622596697ULL},
	{35495597, 43767948478ULL}, {34918433, 44894522156ULL}, {34359738, 46002924986ULL}, {33818640, 47093732754ULL},
	/* clang-format on */
};

/* ln(@m) in units of 2^-36, of @m from 1 to 2 in units of 2^-63. */
static u64 log_of(u64 m)
{
	u32 i = m << 1 >> (64 - LOG_BITS);
	s64 t = (s64)((m >> 27) * near[i].c - (1ULL << 62)) >> 26; /* 2^-36 */
	s64 x = t >> 4, sum;					   /* 2^-32 */

	sum = (s64)ONE / 3 - (x / 4);
	sum = (s64)ONE / 2 - (x * sum >> 32);
	sum = (s64)ONE - (x * sum >> 32);
	return near[i].log + (u64)(t * sum >> 32);
}

u64 prof_exponential(u64 r)
{
	u32 zeros;
	s64 e;

	r += !r;
	zeros = (u32)__builtin_clzll(r);
	/* r / 2^64 = m * 2^-(zeros + 1), with 1 <= m < 2 */
	e = (s64)((zeros + 1) * LN2_FINE - log_of(r << zeros));
	return (u64)max(e, 0) >> 4;
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

u64 prof_mean(u64 rate, u64 size)
{
	return (u64)(((unsigned __int128)rate << PROF_MEAN_SHIFT) / size);
}

u64 prof_gap_of(u64 mean, u64 limit)
{
	unsigned __int128 e = exponential();
	u64 gap;

	if (unlikely(prof_draw_test.uniform))
		e = (prof_random() >> 32) * 2;
	e = e * mean >> (32 + PROF_MEAN_SHIFT);
	gap = e >= limit ? limit : (u64)e + 1;
	return min(gap, limit);
}

u64 prof_gap(u64 rate, u64 size, u64 limit)
{
	return prof_gap_of(prof_mean(rate, size), limit);
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
