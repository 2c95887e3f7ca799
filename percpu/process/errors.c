// SPDX-License-Identifier: MIT
#include "errors.h"

#include "bug.h"

void die_double_free(const void *p)
{
	panic("double free of %p", p);
}

void die_foreign(const char *what, const void *p)
{
	panic("%s of %p, which is not a heap pointer", what, p);
}

void die_not_an_object(const char *what, const void *p)
{
	panic("%s of %p, which is inside an object or a free page", what, p);
}

void die_wrong_size(const void *p, size_t size)
{
	panic("sized free of %p with size %zu, which is not its size", p, size);
}

void die_freed(const char *what, const void *p)
{
	panic("%s of %p, which was freed", what, p);
}

void die_overflow(const char *what, const void *p, size_t size)
{
	panic("write behind the %zu bytes at %p, found by %s", size, p, what);
}

void die_underflow(const char *what, const void *p, size_t size, const void *before,
		   size_t size_before)
{
	panic("write before the %zu bytes at %p, or behind the %zu bytes at %p, found by %s", size,
	      p, size_before, before, what);
}

void die_used_after_free(const void *at, const void *p, size_t size)
{
	panic("write to %p after the %zu bytes at %p were freed", at, size, p);
}
