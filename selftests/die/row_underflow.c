// SPDX-License-Identifier: MIT
// clang-format off
// row: 26 underflow by one byte
// default: not
// check: at its free: lane: write before the 100 bytes at 0x*, or behind the 100 bytes at 0x*, found by free
// guard: not
// clang-format on
#include "die.h"

/* One that has another just before it; a guarded one has not. */
static char *with_neighbour(void)
{
	char *p[64];

	for (int i = 0; i < 64; i++) {
		p[i] = die_get(100);
		if (getenv("DIE_GUARDED"))
			return p[i];
		for (int k = 0; k < i; k++) {
			if (p[k] - p[i] == 112 || p[i] - p[k] == 112)
				return p[k] > p[i] ? p[k] : p[i];
		}
	}
	_exit(8);
}

int main(void)
{
	char *p = die_with(with_neighbour());

	*(volatile char *)(p - 1) = 0;
	die_step("at its free");
	free(p);
	die_drain();
	return 0;
}
