// SPDX-License-Identifier: MIT
#include "meta.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "layout.h"
#include "os.h"

#define STEP (512u << 10) /* bytes made writable at a time */

struct stat_book meta_book;
struct spinlock meta_lock = SPINLOCK_INIT(RANK_META);

/* All under meta_lock. */
static struct {
	char *next;   /* first byte not given out */
	char *opened; /* end of what is writable */
	char *end;
	u64 *bitmaps; /* free bitmaps, chained by their first word */
} meta;

void meta_account(u64 reserved, u64 mapped)
{
	spin_lock(&meta_lock);
	book_begin(&meta_book);
	book_add(&meta_book, M_RESERVED, reserved);
	book_add(&meta_book, M_MAPPED, mapped);
	book_end(&meta_book);
	spin_unlock(&meta_lock);
}

int meta_init(size_t bytes)
{
	size_t total = bytes + 2 * LAYOUT_GAP;
	char *p = os.map(total, PROT_NONE);

	if (os_is_err(p))
		return -ENOMEM;
	p += LAYOUT_GAP;
	meta.next = p;
	meta.opened = p;
	meta.end = p + bytes;
	meta_account(total, 0);
	return 0;
}

static bool open_up_to(char *end)
{
	size_t step = ALIGN_UP((size_t)(end - meta.opened), STEP);

	step = min(step, (size_t)(meta.end - meta.opened));
	if (end > meta.end || os.protect(meta.opened, step, PROT_READ | PROT_WRITE))
		return false;
	meta.opened += step;
	book_begin(&meta_book);
	book_add(&meta_book, M_MAPPED, step);
	book_end(&meta_book);
	return true;
}

static void *alloc_locked(size_t bytes, size_t align)
{
	char *p = (char *)ALIGN_UP((uintptr_t)meta.next, align);

	if (bytes > (size_t)(meta.end - p))
		return NULL;
	if (p + bytes > meta.opened && !open_up_to(p + bytes))
		return NULL;
	meta.next = p + bytes;
	return p;
}

void *meta_alloc(size_t bytes, size_t align)
{
	void *p;

	spin_lock(&meta_lock);
	p = alloc_locked(bytes, align);
	spin_unlock(&meta_lock);
	return p;
}

u64 *meta_bitmap_get(void)
{
	u64 *map;

	spin_lock(&meta_lock);
	map = meta.bitmaps;
	if (map)
		meta.bitmaps = (u64 *)(uintptr_t)map[0];
	else
		map = alloc_locked(META_BITMAP_BYTES, CACHE_LINE);
	spin_unlock(&meta_lock);
	if (map)
		memset(map, 0, META_BITMAP_BYTES);
	return map;
}

void meta_bitmap_put(u64 *map)
{
	spin_lock(&meta_lock);
	map[0] = (u64)(uintptr_t)meta.bitmaps;
	meta.bitmaps = map;
	spin_unlock(&meta_lock);
}
