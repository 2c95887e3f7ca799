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
