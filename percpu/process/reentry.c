// SPDX-License-Identifier: MIT
#include "reentry.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <urcu/lfstack.h>

#include "layout.h"
#include "malloc_slow.h"
#include "os.h"

#define SLOTS 256 /* objects alive at once */

struct spinlock reentry_lock = SPINLOCK_INIT(RANK_REENTRY);
struct stat_book reentry_book;

static struct {
	char *map;    /* NULL: slot is free; between two pages without access */
	size_t len;   /* bytes mapped */
	char *object; /* within the mapping */
} table[SLOTS];	      /* reentry_lock, signals blocked */

static u32 live; /* slots in use; written under lock, read without as a hint */

static struct __cds_lfs_stack deferred;

static sigset_t lock_table(void)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	spin_lock(&reentry_lock);
	return old;
}

static void unlock_table(const sigset_t *old)
{
	spin_unlock(&reentry_lock);
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

static void count(int item, u32 alive, s64 bytes)
{
	WRITE_ONCE(live, alive);
	book_begin(&reentry_book);
	book_add(&reentry_book, item, 1);
	book_add(&reentry_book, R_BYTES, (u64)bytes);
	book_end(&reentry_book);
}

/* @len bytes between two pages without access: whatever lies beside them is out of reach. */
static char *map_apart(size_t len)
{
	char *map = os.map(len + 2 * os_page_size, PROT_NONE);

	if (os_is_err(map))
		return NULL;
	if (os.protect(map + os_page_size, len, PROT_READ | PROT_WRITE)) {
		os.unmap(map, len + 2 * os_page_size);
		return NULL;
	}
	return map + os_page_size;
}

static void unmap_apart(char *map, size_t len)
{
	os.unmap(map - os_page_size, len + 2 * os_page_size);
}

void *reentry_malloc(size_t bytes, size_t align)
{
	size_t len = ALIGN_UP(bytes + (align > os_page_size ? align : 0), os_page_size);
	char *map, *object = NULL;
	sigset_t old;

	len = len || bytes ? len : os_page_size;
	if (len < bytes || len > SIZE_MAX - 2 * os_page_size)
		return NULL;
	map = map_apart(len);
	if (!map)
		return NULL;
	old = lock_table();
	for (int i = 0; i < SLOTS && !object; i++) {
		if (table[i].map)
			continue;
		object = (char *)ALIGN_UP((uintptr_t)map, align);
		table[i].map = map;
		table[i].len = len;
		table[i].object = object;
		count(R_MALLOCS, live + 1, (s64)len);
	}
	unlock_table(&old);
	if (!object)
		unmap_apart(map, len);
	return object;
}

static int find(const void *p)
{
	for (int i = 0; i < SLOTS; i++) {
		if (table[i].map && table[i].object == p)
			return i;
	}
	return -1;
}

bool reentry_owns(const void *p, size_t *bytes)
{
	sigset_t old;
	int i;

	if (!READ_ONCE(live))
		return false;
	old = lock_table();
	i = find(p);
	if (i >= 0)
		*bytes = table[i].len - (size_t)(table[i].object - table[i].map);
	unlock_table(&old);
	return i >= 0;
}

bool reentry_free(void *p)
{
	char *map = NULL;
	size_t len = 0;
	sigset_t old;
	int i;

	if (!READ_ONCE(live))
		return false;
	old = lock_table();
	i = find(p);
	if (i >= 0) {
		map = table[i].map;
		len = table[i].len;
		table[i].map = NULL;
		count(R_FREES, live - 1, -(s64)len);
	}
	unlock_table(&old);
	if (map)
		unmap_apart(map, len);
	return map;
}

void reentry_defer(void *p)
{
	struct cds_lfs_node *node = p; /* the object is free: its memory holds the link */

	cds_lfs_node_init(node);
	cds_lfs_push((cds_lfs_stack_ptr_t){._s = &deferred}, node);
}

bool reentry_pending(void)
{
	return READ_ONCE(deferred.head) != NULL;
}

void reentry_drain(void)
{
	struct cds_lfs_head *all = __cds_lfs_pop_all((cds_lfs_stack_ptr_t){._s = &deferred});
	struct cds_lfs_node *node, *next;

	for (node = all ? &all->node : NULL; node; node = next) {
		next = node->next;
		free_inside(node);
	}
}

u64 reentry_live(u64 *bytes)
{
	sigset_t old = lock_table();
	u64 n = 0;

	*bytes = 0;
	for (int i = 0; i < SLOTS; i++) {
		if (!table[i].map)
			continue;
		n++;
		*bytes += table[i].len;
	}
	unlock_table(&old);
	return n;
}
