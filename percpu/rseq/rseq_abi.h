/* SPDX-License-Identifier: MIT */
/*
 * rseq_abi.h - the rseq area that the C library registered for each thread.
 * Lane never registers one of its own and never writes a field of it but
 * rseq_cs, from within a section.
 */
#ifndef PERCPU_RSEQ_ABI_H
#define PERCPU_RSEQ_ABI_H

#include "compiler.h"

/* Offsets in struct rseq of the kernel's ABI. */
#define RSEQ_OFF_CPU_ID 4
#define RSEQ_OFF_CS 8
#define RSEQ_OFF_MM_CID 24

struct rseq_area {
	bool usable;
	bool has_mm_cid;
	s64 offset;	    /* of the area, from the thread pointer */
	const char *reason; /* where it is not usable: why */
};

/* What the calling thread has. Raw and repeatable; before start, too. */
struct rseq_area rseq_area_find(void);

#endif
