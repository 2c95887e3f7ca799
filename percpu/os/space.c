// SPDX-License-Identifier: MIT
#include "space.h"

#include <errno.h>
#include <sys/mman.h>

#include "check.h"
#include "huge_page.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"

#define META_SHARE 16			  /* 1/16 of the heap's range, for structures */
#define META_MIN (16ULL << 20)		  /* bytes */
#define META_MAX (64ULL << 30)		  /* bytes */
#define HEAP_MIN (16ULL << 20)		  /* below this Lane does not start */
#define FRACTION(bytes) ((bytes) / 4 * 3) /* of a limited address space, what the heap takes */

struct space space;

/* Bytes of the arrays for @bytes of heap. */
static u64 spans_bytes(u64 bytes)
{
	return (bytes >> PAGE_SHIFT) * sizeof(struct span);
}

static u64 pagemap_bytes(u64 bytes)
{
	return (bytes >> PAGE_SHIFT) * sizeof(u32);
}

static u64 huge_bytes(u64 bytes)
{
	return (bytes >> HUGE_SHIFT) * sizeof(struct huge_page);
}

/* One mapping: the heap at a huge page boundary, then the three arrays; gaps between and around. */
static int reserve(u32 homes, u64 heap_bytes)
{
	u64 a = os_page_size;
	u64 spans = ALIGN_UP(spans_bytes(heap_bytes), a);
	u64 pagemap = ALIGN_UP(pagemap_bytes(heap_bytes), a);
	u64 huge = ALIGN_UP(huge_bytes(heap_bytes), a);
	u64 total = heap_bytes + HUGE_SIZE + spans + pagemap + huge + 3 * LAYOUT_GAP;
	u64 meta = clamp(heap_bytes / META_SHARE, META_MIN, META_MAX);
	char *p = os.map(total, PROT_NONE);
	uintptr_t base;
	char *arrays;

	if (os_is_err(p))
		return -ENOMEM;
	base = ALIGN_UP((uintptr_t)p + LAYOUT_GAP, HUGE_SIZE);
	arrays = (char *)base + heap_bytes + LAYOUT_GAP;
	space.spans = (struct span *)arrays;
	space.pagemap = (u32 *)(arrays + spans);
	space.huge = (struct huge_page *)(arrays + spans + pagemap);
	/* free() looks up any address in the range: what is not open must read as 0. */
	if (os.protect(space.pagemap, pagemap, PROT_READ) || meta_init(meta)) {
		os_give_back(p, total);
		return -ENOMEM;
	}
	meta_account(total, 0);
	space.base = base;
	space.nr_homes = homes;
	space.home_bytes = homes > 1 ? HOME_SIZE : heap_bytes;
	return 0;
}

int space_init(u32 homes)
{
	u64 left = os.address_space_left();
	u64 heap = homes * HOME_SIZE;

	if (left != ~0ULL && FRACTION(left) < heap) {
		homes = 1;
		heap = min(ALIGN_DOWN(FRACTION(left), HUGE_SIZE), HOME_SIZE);
	}
	for (; heap >= HEAP_MIN; homes = 1, heap /= 2) {
		heap = ALIGN_DOWN(heap, HUGE_SIZE);
		if (!reserve(homes, heap))
			return 0;
		heap = min(heap, HOME_SIZE * 2);
	}
	return -ENOMEM;
}

/*
 * Make the pages writable that [@from, @to) of @array touches. The page that
 * @from lies in the middle of was opened with the part before. Returns the
 * bytes opened, or -ENOMEM.
 */
static s64 open_array(void *array, u64 from, u64 to)
{
	uintptr_t open = ALIGN_UP((uintptr_t)array + from, os_page_size);
	uintptr_t end = ALIGN_UP((uintptr_t)array + to, os_page_size);

	if (open >= end)
		return 0;
	if (os.protect((void *)open, end - open, PROT_READ | PROT_WRITE))
		return -ENOMEM;
	return (s64)(end - open);
}

int space_open(u32 home, u64 from, u64 bytes)
{
	u64 start = ((u64)home << HOME_SHIFT) + from, end = start + bytes;
	u64 limit = os.address_space_limit();
	s64 spans, pagemap, huge, checks = 0;

	/* A limit set after start does not stop mprotect(): keep to it all the same. */
	if (limit != ~0ULL && from + bytes > limit)
		return -ENOMEM;
	/* What an attempt opened before it failed is opened again by the next, and counted then. */
	spans = open_array(space.spans, spans_bytes(start), spans_bytes(end));
	pagemap = open_array(space.pagemap, pagemap_bytes(start), pagemap_bytes(end));
	huge = open_array(space.huge, huge_bytes(start), huge_bytes(end));
	if (check.map)
		checks = check_map_open(start, end);
	if (spans < 0 || pagemap < 0 || huge < 0 || checks < 0)
		return -ENOMEM;
	if (os.protect((char *)space.base + start, bytes, PROT_READ | PROT_WRITE))
		return -ENOMEM;
	meta_account(0, (u64)(spans + pagemap + huge + checks));
	return 0;
}

struct span *span_of(const void *p)
{
	u64 offset = (uintptr_t)p - space.base;
	struct page_heap *ph;
	struct span *s;

	if (offset >= READ_ONCE(space.limit))
		return NULL;
	ph = &node_heaps[offset >> HOME_SHIFT]->pages;
	if ((offset & (HOME_SIZE - 1)) >> HUGE_SHIFT >= READ_ONCE(ph->opened))
		return NULL;
	s = &space.spans[offset >> PAGE_SHIFT];
	return READ_ONCE(s->state) == SPAN_TAIL ? s - s->back : s;
}
