// SPDX-License-Identifier: MIT
/*
 * check_wide.c - malloc and free of check:full for processors with vectors of 32 bytes:
 * this file alone is compiled for them (Makefile). For others it is empty.
 */
#ifdef __AVX2__
#include "check_path.h"

void *check_malloc_wide(size_t size, size_t align, bool *zeroed)
{
	return malloc_path(size, align, zeroed);
}

void check_free_wide(void *p, size_t size)
{
	free_path(p, size);
}
#endif
