// SPDX-License-Identifier: MIT
/* Lane's own printf gives what the C library's gives, and never writes past its room. */
#include "unit.h"

#include "format.h"

static int wrong;

/* In rooms of every size up to past the text: the same bytes, nothing behind them touched. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char want[256], got[256];                                                          \
		int n = snprintf(want, sizeof(want), __VA_ARGS__);                                 \
                                                                                                   \
		for (size_t room = 0; room <= (size_t)n + 2; room++) {                             \
			size_t len = room ? min(room - 1, (size_t)n) : 0;                          \
			size_t ret;                                                                \
                                                                                                   \
			memset(got, 'x', sizeof(got));                                             \
			ret = format(got, room, __VA_ARGS__);                                      \
			if (ret == (size_t)n && !memcmp(got, want, len) && (!room || !got[len]) && \
			    got[room] == 'x')                                                      \
				continue;                                                          \
			got[sizeof(got) - 1] = '\0';                                               \
			ksft_print_msg("line %d, room %zu: %zu of %d, '%s' for '%s'", __LINE__,    \
				       room, ret, n, got, want);                                   \
			wrong++;                                                                   \
			break;                                                                     \
		}                                                                                  \
	} while (0)

static bool texts(void)
{
	wrong = 0;
	SAME("plain");
	SAME("%s", "");
	SAME("%s and %s", "one", "two");
	SAME("[%10s] [%-10s] [%2s]", "right", "left", "longer");
	SAME("%c%c %%", 'a', 'b');
	return !wrong;
}

static bool numbers(void)
{
	wrong = 0;
	SAME("%d %d %d", 0, INT_MAX, INT_MIN);
	SAME("%ld %ld", LONG_MAX, LONG_MIN);
	SAME("%lld %llu", LLONG_MIN, ULLONG_MAX);
	SAME("%u %lu %zu", UINT_MAX, ULONG_MAX, (size_t)SIZE_MAX);
	SAME("%x %lx", 0xdeadbeefu, 0x123456789abcdefUL);
	SAME("%p", (void *)0x7ffc12345678);
	return !wrong;
}

static bool widths(void)
{
	wrong = 0;
	SAME("[%8d] [%-8d] [%08d]", 42, 42, 42);
	SAME("[%8d] [%-8d]", -42, -42);
	SAME("[%2d] [%2u]", 12345, 12345u);
	SAME("[%016lx] [%-16lx]", 0xabcUL, 0xabcUL);
	return !wrong;
}

static bool negative_zero_padded(void)
{
	wrong = 0;
	SAME("[%08d] [%03d]", -42, -42);
	return !wrong;
}

static bool random_numbers(uint64_t *rng)
{
	wrong = 0;
	for (int i = 0; i < 2000 && !wrong; i++) {
		uint64_t v = ksft_random(rng) >> (ksft_random(rng) % 64);

		SAME("%ld %lu %lx %d %u %x %20lu|%-20ld|", (long)v, v, v, (int)v, (unsigned int)v,
		     (unsigned int)v, v, (long)v);
	}
	return !wrong;
}

static bool unknown(void)
{
	static const char *volatile fmt = "a%qb%d";
	char text[16];

	return format(text, sizeof(text), fmt, 7) == 5 && !strcmp(text, "a%qb7");
}

int main(void)
{
	uint64_t rng;

	ksft_print_header();
	ksft_set_plan(6);
	rng = ksft_seed() | 1;
	ksft_test_result(texts(), "texts");
	ksft_test_result(numbers(), "numbers of all widths, the least and the largest");
	ksft_test_result(widths(), "padding");
	ksft_test_result(negative_zero_padded(), "a negative number padded with zeroes");
	ksft_test_result(random_numbers(&rng), "random numbers");
	ksft_test_result(unknown(), "an unknown letter is shown as it stands");
	ksft_finished();
}
