/* SPDX-License-Identifier: MIT */
/*
 * errors.h - the lines that a program dies with when it passes a pointer that
 * is not a live object. Exact: users grep for them, tests compare them.
 *
 * @what is the operation: "free", "realloc", "malloc_usable_size".
 */
#ifndef PERCPU_ERRORS_H
#define PERCPU_ERRORS_H

#include "compiler.h"

void die_double_free(const void *p) __attribute__((noreturn)) __cold;

/* @p is outside Lane's heap. */
void die_foreign(const char *what, const void *p) __attribute__((noreturn)) __cold;

/* @p is inside it, but no object starts there. */
void die_not_an_object(const char *what, const void *p) __attribute__((noreturn)) __cold;

/* free_sized(), free_aligned_sized(): the size is not the one allocated. */
void die_wrong_size(const void *p, size_t size) __attribute__((noreturn)) __cold;

/* What check:full finds (check.h); @size bytes were asked for. */

/* Another operation than a free on an object that is free. */
void die_freed(const char *what, const void *p) __attribute__((noreturn)) __cold;

/* @what found bytes behind the end of @p changed. */
void die_overflow(const char *what, const void *p, size_t size) __attribute__((noreturn)) __cold;

/* @what found the byte before @p changed; the object before it is @before. */
void die_underflow(const char *what, const void *p, size_t size, const void *before,
		   size_t size_before) __attribute__((noreturn)) __cold;

/* The byte @at of @p was written after its free. */
void die_used_after_free(const void *at, const void *p, size_t size)
	__attribute__((noreturn)) __cold;

#endif
