// SPDX-License-Identifier: MIT
/*
 * The pattern of check:full: for every class and every size in it a canary is whole
 * until one of the bytes changes that it promises to mind, and so is poison.
 */
#include "unit.h"

#include "pattern.h"
#include "size_class.h"

static char object[SMALL_MAX + 32] __attribute__((aligned(16)));

static bool notices(bool (*holds)(u64 size, u64 bytes), u64 size, u64 bytes, u64 at)
{
	bool noticed;

	object[at] ^= 1;
	noticed = !holds(size, bytes);
	object[at] ^= 1;
	return noticed && holds(size, bytes);
}

static bool canary(u64 size, u64 bytes)
{
	return canary_holds(object, size, bytes);
}

static bool poison(u64 size, u64 bytes)
{
	(void)size;
	return poison_holds(object, bytes);
}

/* The program's bytes stay, those behind are minded: the first ones, and the last 8. */
static bool canary_of(u64 size, u64 bytes)
{
	bool good;

	memset(object, 0x11, sizeof(object));
	canary_write(object, size, bytes);
	good = canary(size, bytes);
	for (u64 i = 0; i < size; i++)
		good &= object[i] == 0x11;
	for (u64 i = bytes; i < bytes + 16; i++)
		good &= object[i] == 0x11;
	for (u64 i = size; i < min(size + CANARY_MAX, bytes); i++)
		good &= notices(canary, size, bytes, i);
	for (u64 i = max(size, bytes - 8); i < bytes; i++)
		good &= notices(canary, size, bytes, i);
	if (size)
		good &= !notices(canary, size, bytes, size - 1);
	return good;
}

static bool canaries(void)
{
	bool good = true;

	for (u32 cls = 2; cls < NR_CLASSES && good; cls++) {
		u64 bytes = size_classes[cls].size;
		u64 from = bytes > 200 ? bytes - 200 : 0;

		for (u64 size = from; size < bytes && good; size++)
			good = canary_of(size, bytes);
		if (!good)
			ksft_print_msg("class of %llu bytes", (unsigned long long)bytes);
	}
	return good && canary_of(1, SMALL_MAX) && canary_of(0, 16);
}

static bool poisons(void)
{
	bool good = true;

	for (u32 cls = 2; cls < NR_CLASSES; cls++) {
		u64 bytes = size_classes[cls].size;
		u64 half = bytes <= POISON_MAX ? bytes : POISON_MAX / 2;

		memset(object, 0x11, sizeof(object));
		poison_write(object, bytes);
		good &= poison(0, bytes) && object[bytes] == 0x11;
		for (u64 i = 0; i < half; i++) {
			good &= notices(poison, 0, bytes, i);
			good &= notices(poison, 0, bytes, bytes - 1 - i);
		}
		if (bytes <= POISON_MAX)
			good &= canary(0, bytes) && canary(bytes - 1, bytes);
	}
	return good;
}

/* What the line names. */
static bool finds_the_byte(void)
{
	bool good = true;

	poison_write(object, 4096);
	good &= poison_end(object, 4096) == object + 4096;
	object[4095] = 0;
	good &= poison_end(object, 4096) == object + 4095;
	object[3] = 0;
	good &= poison_end(object, 4096) == object + 3;
	poison_write(object, 32);
	object[31] = 0;
	return good && poison_end(object, 32) == object + 31;
}

int main(void)
{
	ksft_print_header();
#ifdef __AVX2__
	if (!__builtin_cpu_supports("avx2"))
		ksft_exit_skip("no vectors of 32 bytes on this processor");
#endif
	ksft_set_plan(3);
	ksft_test_result(canaries(), "a canary minds its bytes and touches no others");
	ksft_test_result(poisons(), "poison minds its bytes; where it covers all, it is a canary");
	ksft_test_result(finds_the_byte(), "the first changed byte is found");
	ksft_finished();
}
