// SPDX-License-Identifier: MIT
/* Bitmaps behave as arrays of bools, for every range and across words. */
#include "unit.h"

#include "bitmap.h"

#define BITS 320u

static u64 map[BITS / BITS_PER_WORD];
static bool model[BITS];

static bool same(void)
{
	for (u32 i = 0; i < BITS; i++) {
		if (bit_test(map, i) != model[i])
			return false;
	}
	return true;
}

static u32 model_weight(u32 from, u32 len)
{
	u32 n = 0;

	for (u32 i = from; i < from + len; i++)
		n += model[i];
	return n;
}

static u32 model_find(u32 nbits, u32 from, bool value)
{
	while (from < nbits && model[from] != value)
		from++;
	return min(from, nbits);
}

static bool every_range(void)
{
	for (u32 from = 0; from < BITS; from++) {
		for (u32 len = 0; from + len <= BITS; len++) {
			memset(map, 0, sizeof(map));
			bits_set(map, from, len);
			if (bits_weight(map, 0, BITS) != len ||
			    (len && bit_find(map, BITS, 0, true) != from) ||
			    (len && bit_find(map, BITS, from, false) != from + len))
				return false;
			bits_clear(map, from, len);
			if (bits_weight(map, 0, BITS))
				return false;
		}
	}
	return true;
}

static bool as_model(uint64_t *rng)
{
	memset(map, 0, sizeof(map));
	for (int i = 0; i < 200000; i++) {
		uint64_t r = ksft_random(rng);
		u32 from = (u32)(r >> 8) % BITS, len = (u32)(r >> 32) % (BITS - from + 1);
		u32 nbits = (u32)(r >> 20) % (BITS + 1);
		bool value = r >> 4 & 1;

		if (r % 4 == 0) {
			value ? bits_set(map, from, len) : bits_clear(map, from, len);
			memset(model + from, value, len);
		} else if (r % 4 == 1) {
			value ? bit_set(map, from) : bit_clear(map, from);
			model[from] = value;
		} else if (bits_weight(map, from, len) != model_weight(from, len) ||
			   bit_find(map, nbits, from, value) != model_find(nbits, from, value)) {
			return false;
		}
		if (i % 1000 == 0 && !same())
			return false;
	}
	return same();
}

int main(void)
{
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(2);
	rng = ksft_seed() | 1;
	ksft_test_result(every_range(), "each range alone");
	ksft_test_result(as_model(&rng), "random operations, as an array of bools");
	ksft_finished();
}
