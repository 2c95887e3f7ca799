// SPDX-License-Identifier: MIT
#include "guard.h"

#include <errno.h>
#include <sys/mman.h>

#include "errors.h"
#include "layout.h"
#include "meta.h"
#include "os.h"
#include "prof_draw.h"
#include "slow_path.h"

struct guard_pool guard;
struct stat_book guard_book;

static struct spinlock guard_lock = SPINLOCK_INIT(RANK_GUARD);
static u32 head, tail; /* of the queue of slots to hand out, slot + 1; guard_lock */
static u32 live;       /* slots; guard_lock */

static char *page_of(u32 slot)
{
	return (char *)guard.base + (2 * slot + 1) * os_page_size;
}

/* Lock held. */
static void enqueue(u32 slot)
{
	guard.slots[slot].next = 0;
	if (tail)
		guard.slots[tail - 1].next = slot + 1;
	else
		head = slot + 1;
	tail = slot + 1;
}

/* Lock held. */
static int make_pool(void)
{
	u64 bytes = (2 * GUARD_SLOTS + 1) * os_page_size;
	char *base;

	if (!guard.slots)
		guard.slots = meta_alloc(GUARD_SLOTS * sizeof(*guard.slots), CACHE_LINE);
	base = guard.slots ? os.map(bytes, PROT_NONE) : NULL;
	if (!base || os_is_err(base))
		return -ENOMEM;
	meta_account(bytes, 0);
	guard.base = (uintptr_t)base;
	for (u32 i = 0; i < GUARD_SLOTS; i++)
		enqueue(i);
	guard_report_init();
	smp_store_release(&guard.bytes, bytes); /* pairs with guard_has() */
	return 0;
}

int guard_set_rate(u64 rate)
{
	int err = 0;

	if (!slow_enter())
		return -EBUSY;
	spin_lock(&guard_lock);
	if (rate && !guard.bytes)
		err = make_pool();
	if (!err)
		WRITE_ONCE(guard.rate, rate);
	spin_unlock(&guard_lock);
	slow_exit();
	return err;
}

u64 guard_rate(void)
{
	return READ_ONCE(guard.rate);
}

/* A slot to use, taken out of the queue; 0: none, else slot + 1. */
static u32 take_slot(void)
{
	u32 n;

	spin_lock(&guard_lock);
	n = head;
	if (n) {
		head = guard.slots[n - 1].next;
		tail = head ? tail : 0;
	}
	spin_unlock(&guard_lock);
	return n;
}

/* Count an object made or freed. Lock held. */
static void count(int item, s64 bytes)
{
	book_begin(&guard_book);
	book_add(&guard_book, item, 1);
	book_add(&guard_book, R_BYTES, (u64)bytes);
	book_end(&guard_book);
}

void *guard_malloc(size_t size, size_t align, const struct prof_stack *stack)
{
	/* As strict as any object of this size may need, and as close to the end as that allows. */
	size_t unit = max(align, size >= 16 ? (size_t)16 : (size_t)MIN_ALIGN);
	const u64 rate = guard_rate();
	struct guard_slot *s;
	u32 slot;

	if (!rate || prof_random() % rate || size > os_page_size || unit > os_page_size)
		return NULL;
	slot = take_slot();
	if (!slot--)
		return NULL;
	s = &guard.slots[slot];
	if (os.protect(page_of(slot), os_page_size, PROT_READ | PROT_WRITE)) {
		spin_lock(&guard_lock);
		enqueue(slot);
		spin_unlock(&guard_lock);
		return NULL;
	}
	s->size = (u32)size;
	s->object = (uintptr_t)page_of(slot) + os_page_size - ALIGN_UP(max(size, unit), unit);
	s->allocated = *stack;
	s->freed.depth = 0;
	spin_lock(&guard_lock);
	WRITE_ONCE(s->state, GUARD_LIVE);
	live++;
	count(R_MALLOCS, (s64)os_page_size);
	spin_unlock(&guard_lock);
	return (void *)s->object;
}

struct guard_slot *guard_slot_of(uintptr_t p)
{
	u64 page = (p - guard.base) / os_page_size;
	u32 left = (u32)page / 2;

	/* In the page between two slots: the nearer one's, an overflow being the likelier. */
	if (page % 2 == 0 && (left == 0 || (p & (os_page_size - 1)) >= os_page_size / 2))
		return &guard.slots[min(left, GUARD_SLOTS - 1)];
	return &guard.slots[page % 2 ? left : left - 1];
}

/* The slot of the object at @p; dies where none was ever there. */
static struct guard_slot *object_slot(const void *p, const char *what)
{
	struct guard_slot *s = guard_slot_of((uintptr_t)p);

	if (s->object != (uintptr_t)p || READ_ONCE(s->state) == GUARD_UNUSED)
		die_not_an_object(what, p);
	return s;
}

size_t guard_size(const void *p, const char *what)
{
	struct guard_slot *s = object_slot(p, what);

	if (READ_ONCE(s->state) != GUARD_LIVE)
		die_not_an_object(what, p);
	return os_page_size - ((uintptr_t)p & (os_page_size - 1));
}

void guard_free(void *p)
{
	struct guard_slot *s = object_slot(p, "free");
	u32 slot = (u32)(s - guard.slots);
	struct prof_stack stack;
	bool was_live;

	prof_stack_capture(&stack);
	spin_lock(&guard_lock);
	was_live = s->state == GUARD_LIVE;
	if (was_live) {
		s->freed = stack;
		WRITE_ONCE(s->state, GUARD_FREED);
	}
	spin_unlock(&guard_lock);
	if (!was_live)
		guard_report_double_free(s, p);
	/* Where the system is out of maps the page stays open until it is handed out again. */
	os.advise(page_of(slot), os_page_size, MADV_DONTNEED);
	os.protect(page_of(slot), os_page_size, PROT_NONE);
	spin_lock(&guard_lock);
	live--;
	count(R_FREES, -(s64)os_page_size);
	enqueue(slot);
	spin_unlock(&guard_lock);
}

u64 guard_live(u64 *bytes)
{
	u64 n;

	spin_lock(&guard_lock);
	n = live;
	spin_unlock(&guard_lock);
	*bytes = n * os_page_size;
	return n;
}
