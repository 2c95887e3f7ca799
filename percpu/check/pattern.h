/* SPDX-License-Identifier: MIT */
/*
 * pattern.h - the bytes that check:full leaves where a program must not write.
 *
 * One byte, PATTERN_BYTE, everywhere: behind a live object as its canary, and all
 * over a free one as its poison. As a pointer it is no address of x86-64 or arm64.
 *
 * A canary begins where the program's bytes end and is as long as the object has
 * room, but at most CANARY_MAX bytes are written and looked at, and the last vector
 * of the object. Poison covers an object of up to POISON_MAX bytes; of a larger one
 * its first and last POISON_MAX / 2.
 *
 * Pure: no state, no calls. Objects are aligned to 16 bytes and a multiple of them.
 */
#ifndef PERCPU_PATTERN_H
#define PERCPU_PATTERN_H

#include "compiler.h"

#define PATTERN_BYTE 0xdb
#define PATTERN_WORD 0xdbdbdbdbdbdbdbdbULL
#define CANARY_MAX 64u	/* bytes, a multiple of 16 */
#define POISON_MAX 256u /* bytes; poison_write() has it in its steps */

typedef u64 pattern_vec __attribute__((vector_size(16), may_alias, aligned(1)));
#define PATTERN_VEC ((u64)sizeof(pattern_vec))

static inline pattern_vec pattern_load(const char *p)
{
	return *(const pattern_vec *)p;
}

static inline void pattern_store(char *p)
{
	*(pattern_vec *)p = (pattern_vec){PATTERN_WORD, PATTERN_WORD};
	__asm__ volatile("" : : : "memory"); /* or many of them become a call, or "rep stos" */
}

/* What differs from the pattern. */
static inline pattern_vec pattern_wrong(const char *p)
{
	return pattern_load(p) ^ (pattern_vec) { PATTERN_WORD, PATTERN_WORD };
}

static inline void pattern_write_two(char *p)
{
	pattern_store(p);
	pattern_store(p + PATTERN_VEC);
}

static inline pattern_vec pattern_wrong_two(const char *p)
{
	return pattern_wrong(p) | pattern_wrong(p + PATTERN_VEC);
}

static inline bool pattern_none(pattern_vec wrong)
{
	return !(wrong[0] | wrong[1]);
}

/* The first byte of [@from, @to) that is another, or @to. */
static inline const char *pattern_end(const char *from, const char *to)
{
	while (from < to && (u8)*from == PATTERN_BYTE)
		from++;
	return from;
}

/*
 * A canary of @slack bytes is written and looked at by five vectors, wherever it lies, as
 * sizes are hard to foresee for a branch: the last one, and the first four. How many bytes
 * before the object's end the @i-th of those begins, 1..4; what is not there is the last one.
 */
static inline u64 canary_at(u64 slack, u64 i)
{
	return max(slack, i * PATTERN_VEC) - (i - 1) * PATTERN_VEC;
}

/* The bytes of a vector at the object's end that belong to the canary. */
static inline pattern_vec canary_mask(u64 slack)
{
	static const u64 ends[4] __aligned_to(32) = {0, 0, ~0ULL, ~0ULL};

	return pattern_load((const char *)ends + min(slack, PATTERN_VEC));
}

/* The object of @bytes at @p holds @size bytes of the program, fewer than @bytes. */
static inline void canary_write(char *p, u64 size, u64 bytes)
{
	u64 slack = bytes - size;

	if (slack < PATTERN_VEC) {
		pattern_vec mask = canary_mask(slack);
		char *last = p + bytes - PATTERN_VEC;

		*(pattern_vec *)last = pattern_load(last) ^ (pattern_wrong(last) & mask);
		return;
	}
	pattern_store(p + bytes - PATTERN_VEC);
	pattern_store(p + bytes - canary_at(slack, 1));
	pattern_store(p + bytes - canary_at(slack, 2));
	pattern_store(p + bytes - canary_at(slack, 3));
	pattern_store(p + bytes - canary_at(slack, 4));
}

static inline bool canary_holds(const char *p, u64 size, u64 bytes)
{
	u64 slack = bytes - size;
	const char *end = p + bytes;
	pattern_vec wrong = pattern_wrong(end - PATTERN_VEC);

	wrong |= pattern_wrong(end - canary_at(slack, 1));
	wrong |= pattern_wrong(end - canary_at(slack, 2));
	wrong |= pattern_wrong(end - canary_at(slack, 3));
	wrong |= pattern_wrong(end - canary_at(slack, 4));
	return pattern_none(wrong & canary_mask(slack));
}

/* From both ends inwards; what is smaller than both is covered twice. */
static inline void poison_write(char *p, u64 bytes)
{
	char *end = p + bytes;

	if (bytes == PATTERN_VEC) {
		pattern_store(p);
		return;
	}
	pattern_write_two(p);
	pattern_write_two(end - 32);
	if (bytes <= 64)
		return;
	pattern_write_two(p + 32);
	pattern_write_two(end - 64);
	if (bytes <= 128)
		return;
	pattern_write_two(p + 64);
	pattern_write_two(p + 96);
	pattern_write_two(end - 96);
	pattern_write_two(end - 128);
}

static inline bool poison_holds(const char *p, u64 bytes)
{
	const char *end = p + bytes;
	pattern_vec wrong;

	if (bytes == PATTERN_VEC)
		return pattern_none(pattern_wrong(p));
	wrong = pattern_wrong_two(p) | pattern_wrong_two(end - 32);
	if (bytes > 64)
		wrong |= pattern_wrong_two(p + 32) | pattern_wrong_two(end - 64);
	if (bytes > 128) {
		wrong |= pattern_wrong_two(p + 64) | pattern_wrong_two(end - 96);
		wrong |= pattern_wrong_two(p + 96) | pattern_wrong_two(end - 128);
	}
	return pattern_none(wrong);
}

/* Poison of an object of @bytes is the canary of @size bytes in it, too. */
static inline bool poison_is_canary(u64 size, u64 bytes)
{
	return bytes <= POISON_MAX || bytes - size <= POISON_MAX / 2;
}

/* The first byte that poison_holds() minds. */
static inline const char *poison_end(const char *p, u64 bytes)
{
	u64 head = bytes <= POISON_MAX ? bytes : POISON_MAX / 2;
	const char *bad = pattern_end(p, p + head);

	return bad < p + head ? bad : pattern_end(p + bytes - POISON_MAX / 2, p + bytes);
}

#endif
