/* SPDX-License-Identifier: MIT */
/*
 * pattern.h - the bytes that check:full leaves where a program must not write.
 *
 * One byte, PATTERN_BYTE, everywhere: behind a live object as its canary, and all
 * over a free one as its poison. As a pointer it is no address of x86-64 or arm64.
 *
 * A canary begins where the program's bytes end and is as long as the object has
 * room, but at most CANARY_MAX bytes are written and looked at, and the last vector
 * of the object, or the last two. Poison covers an object of up to POISON_MAX bytes; of a larger
 * one its first and last POISON_MAX / 2.
 *
 * Pure: no state, no calls. Objects are aligned to 16 bytes and a multiple of them.
 * What is looked at in every malloc and free goes by vectors of 32 bytes where
 * the compiler has them (check_wide.c), else of 16.
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

static inline bool pattern_none_one(pattern_vec wrong)
{
	return !(wrong[0] | wrong[1]);
}

/* Two vectors, or one that is as long. */
#define PATTERN_TWO (2 * PATTERN_VEC)

#ifdef __AVX2__
typedef u64 pattern_two __attribute__((vector_size(32), may_alias, aligned(1)));

static inline pattern_two pattern_load_two(const char *p)
{
	return *(const pattern_two *)p;
}

static inline void pattern_write_two(char *p)
{
	*(pattern_two *)p = (pattern_two){PATTERN_WORD, PATTERN_WORD, PATTERN_WORD, PATTERN_WORD};
	__asm__ volatile("" : : : "memory");
}

static inline pattern_two pattern_wrong_two(const char *p)
{
	return pattern_load_two(p) ^
	       (pattern_two) { PATTERN_WORD, PATTERN_WORD, PATTERN_WORD, PATTERN_WORD };
}

static inline bool pattern_none(pattern_two wrong)
{
	typedef long long four __attribute__((vector_size(32)));

	return __builtin_ia32_ptestz256((four)wrong, (four)wrong);
}
#else
typedef pattern_vec pattern_two; /* of what is wrong in either */

static inline void pattern_write_two(char *p)
{
	pattern_store(p);
	pattern_store(p + PATTERN_VEC);
}

static inline pattern_two pattern_wrong_two(const char *p)
{
	return pattern_wrong(p) | pattern_wrong(p + PATTERN_VEC);
}

#define pattern_none pattern_none_one
#endif

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
	pattern_store(p + bytes - min(slack, PATTERN_TWO));
	pattern_store(p + bytes - canary_at(slack, 1));
	pattern_store(p + bytes - canary_at(slack, 2));
	pattern_store(p + bytes - canary_at(slack, 3));
	pattern_store(p + bytes - canary_at(slack, 4));
}

#ifdef __AVX2__
/* The same by three: the last one, and the first two. */
static inline bool canary_holds(const char *p, u64 size, u64 bytes)
{
	static const u64 ends[8] __aligned_to(64) = {0, 0, 0, 0, ~0ULL, ~0ULL, ~0ULL, ~0ULL};
	u64 slack = bytes - size;
	const char *end = p + bytes;
	pattern_two wrong;

	if (unlikely(bytes == PATTERN_VEC))
		return pattern_none_one(pattern_wrong(p) & canary_mask(slack));
	wrong = pattern_wrong_two(end - PATTERN_TWO);
	wrong |= pattern_wrong_two(end - max(slack, PATTERN_TWO));
	wrong |= pattern_wrong_two(end - max(slack, 2 * PATTERN_TWO) + PATTERN_TWO);
	return pattern_none(wrong & pattern_load_two((const char *)ends + min(slack, PATTERN_TWO)));
}
#else
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
#endif

/*
 * From both ends inwards; what is smaller than all is covered twice. One branch by size,
 * as sizes are hard to foresee: how far the second two lie from the ends of at most 128.
 */
static inline u64 poison_step(u64 bytes)
{
	return min(bytes - PATTERN_TWO, PATTERN_TWO);
}

static inline void poison_write(char *p, u64 bytes)
{
	char *end = p + bytes - PATTERN_TWO;
	u64 step = poison_step(bytes);

	if (unlikely(bytes == PATTERN_VEC)) {
		pattern_store(p);
		return;
	}
	pattern_write_two(p);
	pattern_write_two(p + step);
	pattern_write_two(end - step);
	pattern_write_two(end);
	if (bytes <= POISON_MAX / 2)
		return;
	pattern_write_two(p + 2 * PATTERN_TWO);
	pattern_write_two(p + 3 * PATTERN_TWO);
	pattern_write_two(end - 2 * PATTERN_TWO);
	pattern_write_two(end - 3 * PATTERN_TWO);
}

static inline bool poison_holds(const char *p, u64 bytes)
{
	const char *end = p + bytes - PATTERN_TWO;
	u64 step = poison_step(bytes);
	pattern_two wrong;

	if (unlikely(bytes == PATTERN_VEC))
		return pattern_none_one(pattern_wrong(p));
	wrong = pattern_wrong_two(p) | pattern_wrong_two(p + step);
	wrong |= pattern_wrong_two(end - step) | pattern_wrong_two(end);
	if (bytes > POISON_MAX / 2) {
		wrong |= pattern_wrong_two(p + 2 * PATTERN_TWO) |
			 pattern_wrong_two(p + 3 * PATTERN_TWO);
		wrong |= pattern_wrong_two(end - 2 * PATTERN_TWO) |
			 pattern_wrong_two(end - 3 * PATTERN_TWO);
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
