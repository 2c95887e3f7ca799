// SPDX-License-Identifier: MIT
/*
 * check_wide.c - malloc and free of check:full for processors with vectors of 32 bytes:
 * this file alone is compiled for them (Makefile). Where there are none it is not used.
 */
#include "check_path.h"

void *check_malloc_wide(size_t size)
{
	return malloc_path(size, 1);
}

void *check_malloc_aligned_wide(size_t size, size_t align)
{
	return malloc_path(size, align);
}

void check_free_wide(void *p)
{
	free_path(p, CHECK_ANY_SIZE);
}

void check_free_sized_wide(void *p, size_t size)
{
	free_path(p, size);
}
