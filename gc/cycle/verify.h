/* SPDX-License-Identifier: MIT */
/*
 * verify.h - a check of what marking has found, with nobody stopped.
 *
 * Between the end of marking and the turn of a class every object that stays is marked:
 * found, or handed out since. So every reference in such an object, whenever it is
 * read, is to an object that is marked, too, whatever the program stores meanwhile. A
 * reference to one that is not, or that was freed explicitly, is a fault.
 *
 * Words that are only guesses are not looked at, nor is what was freed explicitly and is left to
 * the sweep.
 */
#ifndef GC_VERIFY_H
#define GC_VERIFY_H

#include "gc.h"

/* Coordinator, in phase TERM. Faults are counted, the first ones are lines on stderr. */
void verify_marks(void);

/* Coordinator, before marking: all spans are swept, and no mark is left in them. */
void verify_no_marks(void);

/* Faults found so far in the process. */
extern u64 verify_faults;

#endif
