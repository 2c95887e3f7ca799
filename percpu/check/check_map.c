// SPDX-License-Identifier: MIT
/*
 * check_map.c - making the check map, and the spans' part in it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "backoff.h"
#include "check.h"
#include "lanes.h"
#include "meta.h"
#include "node_heap.h"
#include "os.h"
#include "quarantine_ring.h"
#include "slow_path.h"

#define PATIENCE_MS 2000u /* for who is in a slow path */

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

/* Which ring a block belongs to, by where it begins; which class a size does. */
static int make_tables(void)
{
	u32 lines = cpu_cache_bytes / CACHE_LINE;

	check.class_by = meta_alloc(SMALL_MAX / 8, CACHE_LINE);
	check.ring_at = meta_alloc(space.nr_homes * lines * sizeof(*check.ring_at), CACHE_LINE);
	if (!check.class_by || !check.ring_at)
		return -ENOMEM;
	for (u32 i = 0; i < SMALL_MAX / 8; i++)
		check.class_by[i] = (u8)size_to_class((i + 1) * 8);
	for (u32 home = 0; home < space.nr_homes; home++) {
		for (u32 cls = 1; cls < NR_CLASSES; cls++)
			check.ring_at[block_of(home, cls) / CACHE_LINE] = (u16)ring_of(home, cls);
	}
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

/*
 * With the door closed: a thread from before this constructor may have seen it off, inside, and be
 * about to open malloc's fast path (lanes_watch_mallocs()). With signals blocked, as a handler that
 * forks would wait for us. Not without end: one that exits inside may wait for the loader's lock.
 */
static void turn_on(void)
{
	u64 until = os.now_ms() + PATIENCE_MS;
	sigset_t all, old;
	bool closed;
	u32 turn = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!(closed = slow_close(PATIENCE_MS)) && os.now_ms() < until)
		backoff(&turn);
	WRITE_ONCE(check.on, true);
	lanes_open_fast_path();
	if (closed)
		slow_open(false);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int check_init(void)
{
	u64 bytes = map_bytes(space.nr_homes * space.home_bytes);
	int err = make_tables();
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
#if defined(__x86_64__)
	__builtin_cpu_init();
	check.wide = __builtin_cpu_supports("avx2");
#endif
	turn_on();
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
