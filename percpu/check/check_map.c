// SPDX-License-Identifier: MIT
/*
 * check_map.c - making the check map, and the spans' part in it.
 */
#include <errno.h>
#include <sys/mman.h>
#include <string.h>

#include "check.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"
#include "quarantine.h"

struct check check;

/* Of glibc 2.32. Where it is missing nothing is known, and checking is not strict. */
extern char __libc_single_threaded __attribute__((weak));

static u64 map_bytes(u64 heap)
{
	return (heap >> CHECK_GRANULE_SHIFT) * sizeof(*check.map);
}

s64 check_map_open(u64 from, u64 to)
{
	char *start = (char *)check.map + map_bytes(from);
	s64 bytes = (s64)map_bytes(to - from); /* whole huge pages: whole pages here */

	return os.protect(start, (size_t)bytes, PROT_READ | PROT_WRITE) ? -ENOMEM : bytes;
}

/* Which class a block belongs to, by where it begins. */
static int make_classes(void)
{
	check.class_of = meta_alloc(cpu_cache_bytes / CACHE_LINE, CACHE_LINE);
	if (!check.class_of)
		return -ENOMEM;
	for (u32 cls = 1; cls < NR_CLASSES; cls++)
		check.class_of[size_classes[cls].block] = (u8)cls;
	return 0;
}

/* The part for what is open already; from now on space_open() opens the others. */
static int use_map(u16 *map)
{
	struct page_heap *ph = &node_heaps[0]->pages;
	u64 opened;
	s64 bytes = 0;

	spin_lock(&ph->lock);
	opened = (u64)ph->opened << HUGE_SHIFT;
	check.map = map;
	if (opened)
		bytes = check_map_open(0, opened);
	if (bytes < 0)
		check.map = NULL;
	spin_unlock(&ph->lock);
	meta_account(0, (u64)max(bytes, (s64)0));
	return bytes < 0 ? -ENOMEM : 0;
}

int check_init(void)
{
	u64 bytes = map_bytes(space.nr_homes * space.home_bytes);
	int err = make_classes();
	u16 *map;

	if (!err)
		err = quarantine_init();
	if (err)
		return err;
	/* Readable as a whole: a free looks up any address in the range. */
	map = os.map(bytes, PROT_READ);
	if (os_is_err(map))
		return -ENOMEM;
	err = use_map(map);
	if (err) {
		os.unmap(map, bytes);
		return err;
	}
	meta_account(bytes, 0);
	check.strict = &__libc_single_threaded && __libc_single_threaded;
	check.on = true;
	lanes_open_fast_path();
	return 0;
}

void check_span_made(const struct span *s)
{
	const char *start = span_start(s);
	u32 size = size_classes[s->cls].size;

	memset(check_entry(start), 0, map_bytes(span_bytes(s)));
	if (size % CHECK_GRANULE)
		return; /* such a small one is not checked */
	for (u32 i = 0; i < s->nobjects; i++)
		*check_entry(start + (u64)i * size) = CHECK_FRESH | (i ? 0 : CHECK_FIRST);
}
