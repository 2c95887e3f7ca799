// SPDX-License-Identifier: MIT
/*
 * operator_new.c - C++'s operator new and delete, by their mangled names (the
 * Itanium ABI, for a 64-bit size_t), so that the library needs no C++. What
 * the language asks for beyond malloc: on failure call the new-handler and try
 * again, and throw std::bad_alloc where there is none. Both come from the C++
 * library of the program, by weak reference, or, where it was loaded later, from
 * the one that the caller was linked with.
 *
 * A handler may throw, too. That goes through us to the caller of new, but is to
 * be NULL where nothing may be thrown. It takes C++ to catch it: the C++ library's own
 * function does, which calls the new that throws, and so this one here.
 */
#ifndef LANE_NO_INTERPOSE

#include <dlfcn.h>
#include <lane/lane.h>
#include <stdlib.h>

#include "bug.h"

typedef void (*new_handler)(void);
typedef new_handler get_handler(void);
typedef void throw_bad_alloc(void);
typedef void *new_nothrow(size_t size, const void *tag);
typedef void *new_aligned_nothrow(size_t size, size_t align, const void *tag);

LANE_API new_nothrow _ZnwmRKSt9nothrow_t;
LANE_API new_aligned_nothrow _ZnwmSt11align_val_tRKSt9nothrow_t;

extern get_handler _ZSt15get_new_handlerv __attribute__((weak));       /* std::get_new_handler() */
extern throw_bad_alloc _ZSt17__throw_bad_allocv __attribute__((weak)); /* throws bad_alloc */

/* @name in the library that @in lies in, or in those it was linked with; NULL where it is not. */
static void *symbol_at(const void *in, const char *name)
{
	void *lib = NULL, *found = NULL;
	Dl_info info;

	if (dladdr(in, &info))
		lib = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (lib) {
		found = dlsym(lib, name);
		dlclose(lib);
	}
	if (!found)
		dlerror(); /* not the program's */
	return found;
}

static get_handler *find_get_handler(const void *caller)
{
	return _ZSt15get_new_handlerv ? _ZSt15get_new_handlerv
				      : (get_handler *)symbol_at(caller, "_ZSt15get_new_handlerv");
}

static throw_bad_alloc *find_throw(const void *caller)
{
	return _ZSt17__throw_bad_allocv
		       ? _ZSt17__throw_bad_allocv
		       : (throw_bad_alloc *)symbol_at(caller, "_ZSt17__throw_bad_allocv");
}

/* What handlers make room for; NULL where there is none any more. @align 0: new without one. */
static void *ask_handlers(get_handler *get, size_t size, size_t align)
{
	new_handler handler;

	while (get && (handler = get()) != NULL) {
		void *p;

		handler(); /* makes memory available, throws, or ends the program */
		p = align ? lane_memalign(align, size) : lane_malloc(size);
		if (p)
			return p;
	}
	return NULL;
}

static __cold void *new_failed(size_t size, size_t align, const void *caller)
{
	void *p = ask_handlers(find_get_handler(caller), size, align);
	throw_bad_alloc *throw;

	if (p)
		return p;
	throw = find_throw(caller);
	if (throw)
		throw();
	panic("operator new: no memory for %zu bytes, and no C++ library to throw", size);
}

/* Also where it is Lane's own, as the C++ library is a part of one that was linked with Lane. */
static bool is_own(const void *found)
{
	return found == (const void *)_ZnwmRKSt9nothrow_t ||
	       found == (const void *)_ZnwmSt11align_val_tRKSt9nothrow_t;
}

/* The same without an exception. */
static __cold void *nothrow_failed(size_t size, size_t align, const void *tag, const void *caller)
{
	get_handler *get = find_get_handler(caller);
	void *found;

	if (!get || !get())
		return NULL;
	found = symbol_at((const void *)get,
			  align ? "_ZnwmSt11align_val_tRKSt9nothrow_t" : "_ZnwmRKSt9nothrow_t");
	/* The C++ library is a part of the program: a handler that throws ends it. */
	if (!found || is_own(found))
		return ask_handlers(get, size, align);
	return align ? ((new_aligned_nothrow *)found)(size, align, tag)
		     : ((new_nothrow *)found)(size, tag);
}

/* m: size_t, Pv: void *, St11align_val_t: std::align_val_t, RKSt9nothrow_t: const std::nothrow_t &
 */
#define NEW(name)                                                                                  \
	LANE_API void *name(size_t size);                                                          \
	LANE_API void *name(size_t size)                                                           \
	{                                                                                          \
		void *p = lane_malloc(size);                                                       \
                                                                                                   \
		return likely(p) ? p : new_failed(size, 0, __builtin_return_address(0));           \
	}                                                                                          \
	LANE_API void *name##RKSt9nothrow_t(size_t size, const void *tag);                         \
	LANE_API void *name##RKSt9nothrow_t(size_t size, const void *tag)                          \
	{                                                                                          \
		void *p = lane_malloc(size);                                                       \
                                                                                                   \
		return likely(p) ? p : nothrow_failed(size, 0, tag, __builtin_return_address(0));  \
	}                                                                                          \
	LANE_API void *name##St11align_val_t(size_t size, size_t align);                           \
	LANE_API void *name##St11align_val_t(size_t size, size_t align)                            \
	{                                                                                          \
		void *p = lane_memalign(align, size);                                              \
                                                                                                   \
		return likely(p) ? p : new_failed(size, align, __builtin_return_address(0));       \
	}                                                                                          \
	LANE_API void *name##St11align_val_tRKSt9nothrow_t(size_t size, size_t align,              \
							   const void *tag);                       \
	LANE_API void *name##St11align_val_tRKSt9nothrow_t(size_t size, size_t align,              \
							   const void *tag)                        \
	{                                                                                          \
		void *p = lane_memalign(align, size);                                              \
                                                                                                   \
		return likely(p) ? p                                                               \
				 : nothrow_failed(size, align, tag, __builtin_return_address(0));  \
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
