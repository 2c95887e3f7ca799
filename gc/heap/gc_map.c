// SPDX-License-Identifier: MIT
#include "gc_map.h"

#include <errno.h>
#include <sys/mman.h>

#include "conf.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"

u32 *gc_map;
u64 *gc_marks;

static struct spinlock open_lock = SPINLOCK_INIT(RANK_GC_SPACE);
static u64 opened[MAX_HOMES]; /* pages from the home's first; open_lock, read without */

BUILD_BUG_ON(NR_CLASSES > 64);

static u64 map_bytes(u64 pages)
{
	return pages * sizeof(u32);
}

static u64 mark_bytes(u64 pages)
{
	return pages * MARKS_PER_PAGE / 8;
}

int gc_map_init(void)
{
	u64 range = (space.nr_homes - 1) * HOME_SIZE + space.home_bytes;
	u64 pages = range >> PAGE_SHIFT;
	u64 map = ALIGN_UP(map_bytes(pages), os_page_size);
	u64 total = map + ALIGN_UP(mark_bytes(pages), os_page_size);
	char *p;

	if (gc_map)
		return 0;
	p = os.map(total, PROT_NONE);
	if (os_is_err(p))
		return -ENOMEM;
	/* Any address of the range is looked up: what is not open must read as 0. */
	if (os.protect(p, map, PROT_READ)) {
		os_give_back(p, total);
		return -ENOMEM;
	}
	meta_account(total, 0);
	gc_map = (u32 *)p;
	gc_marks = (u64 *)(p + map);
	gc.limit = range;
	return 0;
}

/* Pages of both arrays begin where those of a home do: HOME_SIZE is a multiple of enough. */
static int open_part(void *array, u64 from, u64 to)
{
	uintptr_t a = ALIGN_DOWN((uintptr_t)array + from, os_page_size);
	uintptr_t b = ALIGN_UP((uintptr_t)array + to, os_page_size);

	return os.protect((void *)a, b - a, PROT_READ | PROT_WRITE);
}

int gc_map_open(u32 home, u64 pages)
{
	u64 first = (u64)home << (HOME_SHIFT - PAGE_SHIFT), from, small;
	int err = 0;

	if (pages <= smp_load_acquire(&opened[home])) /* pairs with the store below */
		return 0;
	spin_lock(&open_lock);
	from = opened[home];
	/* As much as the page heap has: it grows by eighths. */
	pages = max(pages, (u64)READ_ONCE(node_heaps[home]->pages.opened) * HUGE_PAGES);
	if (pages > from) {
		err = open_part(gc_map, map_bytes(first + from), map_bytes(first + pages));
		if (!err)
			err = open_part(gc_marks, mark_bytes(first + from),
					mark_bytes(first + pages));
		if (!err) {
			/* Marks are as scattered as what they are of. */
			small = conf_small_pages(from << PAGE_SHIFT, (pages - from) << PAGE_SHIFT);
			conf_advise_huge((char *)gc_marks + mark_bytes(first + from),
					 mark_bytes(pages - from), mark_bytes(small >> PAGE_SHIFT));
			meta_account(0, map_bytes(pages - from) + mark_bytes(pages - from));
			smp_store_release(&opened[home], pages);
		}
	}
	spin_unlock(&open_lock);
	return err ? -ENOMEM : 0;
}

void gc_map_set(u64 page, u32 npages, u32 entry)
{
	u32 shift = entry & MAP_CLASS_MASK ? MAP_BACK_SHIFT : MAP_LARGE_BACK_SHIFT;

	for (u32 i = 0; i < npages; i++)
		/* pairs with gc_find(): the span before its entry */
		smp_store_release(&gc_map[page + i], entry ? entry | i << shift : 0);
}

void gc_each_span(void (*fn)(struct gc_object *o, struct span *s, void *arg), void *arg)
{
	for (u32 h = 0; h < homes_made(); h++) {
		u64 page = (u64)h << (HOME_SHIFT - PAGE_SHIFT);
		u64 end = page + (u64)READ_ONCE(node_heaps[h]->pages.opened) * HUGE_PAGES;

		while (page < end) {
			struct gc_object o;

			/* Or in the middle of one that is made just now. */
			if (!gc_find(space.base + (page << PAGE_SHIFT), &o) || o.page != page) {
				page++;
				continue;
			}
			fn(&o, &space.spans[page], arg);
			page += max(space.spans[page].npages, 1u);
		}
	}
}
