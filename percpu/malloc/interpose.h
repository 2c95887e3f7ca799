/* SPDX-License-Identifier: MIT */
/*
 * interpose.h - the C library's name for a function of Lane's, as an alias in
 * the file that defines it. Left out of builds with a sanitizer, which brings a
 * malloc of its own, and of the library that unit tests link.
 */
#ifndef PERCPU_INTERPOSE_H
#define PERCPU_INTERPOSE_H

#include "compiler.h"

#ifdef LANE_NO_INTERPOSE
#define INTERPOSE(name) _Static_assert(1, "")
#elif defined(__clang__)
#define INTERPOSE(name)                                                                            \
	LANE_API extern __typeof__(lane_##name) name __attribute__((alias("lane_" #name)))
#else
#define INTERPOSE(name)                                                                            \
	LANE_API extern __typeof__(lane_##name) name                                               \
		__attribute__((alias("lane_" #name), copy(lane_##name)))
#endif

#endif
