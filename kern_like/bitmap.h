/* SPDX-License-Identifier: MIT */
/*
 * bitmap.h - arrays of 64-bit words as bit sets. Plain accesses: the lock
 * of whoever owns the bitmap protects them.
 */
#ifndef KERN_BITMAP_H
#define KERN_BITMAP_H

#include "compiler.h"

#define BITS_PER_WORD 64u

static inline bool bit_test(const u64 *map, u32 bit)
{
	return map[bit / BITS_PER_WORD] >> (bit % BITS_PER_WORD) & 1;
}

static inline void bit_set(u64 *map, u32 bit)
{
	map[bit / BITS_PER_WORD] |= 1ULL << (bit % BITS_PER_WORD);
}

static inline void bit_clear(u64 *map, u32 bit)
{
	map[bit / BITS_PER_WORD] &= ~(1ULL << (bit % BITS_PER_WORD));
}

/* The bits of word @w that lie in [@from, @from + @len), some of which do. */
static inline u64 range_mask(u32 w, u32 from, u32 len)
{
	u32 lo = max(from, w * BITS_PER_WORD), hi = min(from + len, (w + 1) * BITS_PER_WORD);
	u32 n = hi - lo;

	return (n == BITS_PER_WORD ? ~0ULL : (1ULL << n) - 1) << (lo % BITS_PER_WORD);
}

static inline void bits_set(u64 *map, u32 from, u32 len)
{
	for (u32 w = from / BITS_PER_WORD; len && w <= (from + len - 1) / BITS_PER_WORD; w++)
		map[w] |= range_mask(w, from, len);
}

static inline void bits_clear(u64 *map, u32 from, u32 len)
{
	for (u32 w = from / BITS_PER_WORD; len && w <= (from + len - 1) / BITS_PER_WORD; w++)
		map[w] &= ~range_mask(w, from, len);
}

static inline u32 bits_weight(const u64 *map, u32 from, u32 len)
{
	u32 n = 0;

	for (u32 w = from / BITS_PER_WORD; len && w <= (from + len - 1) / BITS_PER_WORD; w++)
		n += (u32)__builtin_popcountll(map[w] & range_mask(w, from, len));
	return n;
}

/* The first bit at or after @from that is @value; @nbits where there is none. */
static inline u32 bit_find(const u64 *map, u32 nbits, u32 from, bool value)
{
	u64 flip = value ? 0 : ~0ULL, word;
	u32 w = from / BITS_PER_WORD;

	if (from >= nbits)
		return nbits;
	word = (map[w] ^ flip) & (~0ULL << (from % BITS_PER_WORD));
	while (!word) {
		if (++w * BITS_PER_WORD >= nbits)
			return nbits;
		word = map[w] ^ flip;
	}
	return min(w * BITS_PER_WORD + (u32)__builtin_ctzll(word), nbits);
}

#endif
