/* SPDX-License-Identifier: MIT */
/*
 * layout.h - the address space as Lane sees it.
 *
 *   base                                   one range per node heap
 *   | heap 0 | heap 1 | ... | heap n-1 |   each 2^HOME_SHIFT bytes
 *
 * so the home of an address is a shift. Everything is found from an address
 * by its page number counted from base: the pagemap (what free() needs), the
 * memmap (a struct span per page) and, by huge page, the page heap's state.
 *
 *   no access | heaps | no access | spans | pagemap | huge pages | no access
 *   no access | caches, tables, books (meta.h) | no access
 */
#ifndef PERCPU_LAYOUT_H
#define PERCPU_LAYOUT_H

#include "compiler.h"

#define PAGE_SHIFT 13 /* Lane's page, 8 KiB; the system's may be smaller or larger */
#define PAGE_SIZE (1ULL << PAGE_SHIFT)

#define HUGE_SHIFT 21
#define HUGE_SIZE (1ULL << HUGE_SHIFT)
#define HUGE_PAGES (1u << (HUGE_SHIFT - PAGE_SHIFT)) /* pages in a huge page: 256 */

#define HOME_SHIFT 41 /* 2 TiB of address space for each node heap */
#define HOME_SIZE (1ULL << HOME_SHIFT)
#define MAX_HOMES 32 /* 64 TiB: half of what a process has */

/*
 * Bytes without access on both sides of the heap, and of the range of Lane's own
 * structures: a linear overflow of an object ends there.
 */
#define LAYOUT_GAP (64ULL << 10)

#define SMALL_MAX 32768u /* bytes; larger objects have a span each */

/* Every object starts at a multiple of this, so that an address is checked by a rotate. */
#define MIN_ALIGN_SHIFT 3
#define MIN_ALIGN (1u << MIN_ALIGN_SHIFT)

#define CACHE_LINE 64

#endif
