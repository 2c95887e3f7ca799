// SPDX-License-Identifier: MIT
/* The same as pattern.c, compiled for long vectors as check_wide.c is (Makefile). */
#include "pattern.c"
