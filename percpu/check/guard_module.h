/* SPDX-License-Identifier: MIT */
/*
 * guard_module.h - which mapping an address lies in, by /proc/thread-self/maps, for the
 * report of a guarded object: a line at a time, as there is little stack and no
 * memory to be had.
 */
#ifndef PERCPU_GUARD_MODULE_H
#define PERCPU_GUARD_MODULE_H

#include "compiler.h"

#define GUARD_PATH_BYTES 200 /* with the 0 byte; what is longer is cut */

struct guard_module {
	uintptr_t start;
	u64 offset;		     /* bytes into the file */
	char path[GUARD_PATH_BYTES]; /* "" where it is no file */
};

/* The mapping of @pc; false where there is none, or no /proc. Any context. */
bool guard_module_find(struct guard_module *m, uintptr_t pc);

#endif
