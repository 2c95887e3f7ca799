// SPDX-License-Identifier: MIT
/*
 * operator_new.c - C++'s operator new and delete, by their mangled names (the
 * Itanium ABI, for a 64-bit size_t), so that the library needs no C++. What
 * the language asks for beyond malloc: on failure call the new-handler and try
 * again, and throw std::bad_alloc where there is none. Both come from the C++
 * library of the program, by weak reference.
 */
#ifndef LANE_NO_INTERPOSE

#include <lane/lane.h>
#include <stdlib.h>

#include "bug.h"

typedef void (*new_handler)(void);
extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak)); /* std::get_new_handler() */
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak, noreturn)); /* throws bad_alloc */

static __cold void *new_failed(size_t size, size_t align, bool may_throw)
{
	for (;;) {
		new_handler handler = _ZSt15get_new_handlerv ? _ZSt15get_new_handlerv() : NULL;
		void *p;

		if (!handler)
			break;
		handler(); /* makes memory available, throws, or ends the program */
		p = align ? lane_memalign(align, size) : lane_malloc(size);
		if (p)
			return p;
	}
	if (!may_throw)
		return NULL;
	if (_ZSt17__throw_bad_allocv)
		_ZSt17__throw_bad_allocv();
	panic("operator new: no memory for %zu bytes, and no C++ library to throw", size);
}

static __always_inline void *new_plain(size_t size, bool may_throw)
{
	void *p = lane_malloc(size);

	return likely(p) ? p : new_failed(size, 0, may_throw);
}

static __always_inline void *new_aligned(size_t size, size_t align, bool may_throw)
{
	void *p = lane_memalign(align, size);

	return likely(p) ? p : new_failed(size, align, may_throw);
}

/* m: size_t, Pv: void *, St11align_val_t: std::align_val_t, RKSt9nothrow_t: const std::nothrow_t &
 */
#define NEW(name)                                                                                  \
	LANE_API void *name(size_t size);                                                          \
	LANE_API void *name(size_t size)                                                           \
	{                                                                                          \
		return new_plain(size, true);                                                      \
	}                                                                                          \
	LANE_API void *name##RKSt9nothrow_t(size_t size, const void *tag);                         \
	LANE_API void *name##RKSt9nothrow_t(size_t size, const void *tag)                          \
	{                                                                                          \
		(void)tag;                                                                         \
		return new_plain(size, false);                                                     \
	}                                                                                          \
	LANE_API void *name##St11align_val_t(size_t size, size_t align);                           \
	LANE_API void *name##St11align_val_t(size_t size, size_t align)                            \
	{                                                                                          \
		return new_aligned(size, align, true);                                             \
	}                                                                                          \
	LANE_API void *name##St11align_val_tRKSt9nothrow_t(size_t size, size_t align,              \
							   const void *tag);                       \
	LANE_API void *name##St11align_val_tRKSt9nothrow_t(size_t size, size_t align,              \
							   const void *tag)                        \
	{                                                                                          \
		(void)tag;                                                                         \
		return new_aligned(size, align, false);                                            \
	}

#define DELETE(name)                                                                               \
	LANE_API void name(void *p);                                                               \
	LANE_API void name(void *p)                                                                \
	{                                                                                          \
		lane_free(p);                                                                      \
	}                                                                                          \
	LANE_API void name##m(void *p, size_t size);                                               \
	LANE_API void name##m(void *p, size_t size)                                                \
	{                                                                                          \
		lane_free_sized(p, size);                                                          \
	}                                                                                          \
	LANE_API void name##RKSt9nothrow_t(void *p, const void *tag);                              \
	LANE_API void name##RKSt9nothrow_t(void *p, const void *tag)                               \
	{                                                                                          \
		(void)tag;                                                                         \
		lane_free(p);                                                                      \
	}                                                                                          \
	LANE_API void name##St11align_val_t(void *p, size_t align);                                \
	LANE_API void name##St11align_val_t(void *p, size_t align)                                 \
	{                                                                                          \
		(void)align;                                                                       \
		lane_free(p);                                                                      \
	}                                                                                          \
	LANE_API void name##mSt11align_val_t(void *p, size_t size, size_t align);                  \
	LANE_API void name##mSt11align_val_t(void *p, size_t size, size_t align)                   \
	{                                                                                          \
		lane_free_aligned_sized(p, align, size);                                           \
	}                                                                                          \
	LANE_API void name##St11align_val_tRKSt9nothrow_t(void *p, size_t align, const void *tag); \
	LANE_API void name##St11align_val_tRKSt9nothrow_t(void *p, size_t align, const void *tag)  \
	{                                                                                          \
		(void)align, (void)tag;                                                            \
		lane_free(p);                                                                      \
	}

NEW(_Znwm)
NEW(_Znam)
DELETE(_ZdlPv)
DELETE(_ZdaPv)

#endif
