// SPDX-License-Identifier: MIT
#include "prof_site.h"

#include <string.h>

#include "atomic.h"
#include "meta.h"
#include "prof.h"

#define CHAINS 8192u
#define SITES_MAX (1u << 16)
#define FRACTION_MASK ((1ULL << PROF_WEIGHT_SHIFT) - 1)

static struct spinlock site_lock = SPINLOCK_INIT(RANK_SITES); /* the making of sites */
static struct prof_site_book *chain[CHAINS]; /* site_lock to change, read without */
static struct prof_site_book *all;	     /* likewise */
static struct prof_site_book *other;	     /* what found no room; likewise */
static u32 number;			     /* of sites; likewise */
static u64 memory;			     /* bytes; atomic */

static u32 hash_of(const struct prof_stack *stack)
{
	u64 h = stack->depth;

	for (u32 i = 0; i < stack->depth; i++) {
		h = (h ^ stack->pc[i]) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	return (u32)(h >> 20);
}

static bool is_site_of(const struct prof_site_book *site, u32 hash, const struct prof_stack *stack)
{
	return site->hash == hash && site->depth == stack->depth &&
	       !memcmp(site->pc, stack->pc, stack->depth * sizeof(stack->pc[0]));
}

static struct prof_site_book *find(u32 hash, const struct prof_stack *stack)
{
	struct prof_site_book *site;

	/* pairs with publish(): a site is complete before it is found */
	site = smp_load_acquire(&chain[hash % CHAINS]);
	while (site && !is_site_of(site, hash, stack))
		site = site->next;
	return site;
}

static struct prof_site_book *make(u32 hash, const struct prof_stack *stack)
{
	size_t pcs = stack->depth * sizeof(stack->pc[0]);
	struct prof_site_book *site = meta_alloc(sizeof(*site) + pcs, CACHE_LINE);

	if (!site)
		return NULL;
	prof_site_count_memory(sizeof(*site) + pcs);
	spin_lock_init(&site->lock, RANK_SITE);
	site->hash = hash;
	site->depth = stack->depth;
	memcpy(site->pc, stack->pc, pcs);
	return site;
}

static void publish(struct prof_site_book *site, struct prof_site_book **head)
{
	if (head) {
		site->next = *head;
		smp_store_release(head, site); /* pairs with find() */
	}
	site->next_all = all;
	WRITE_ONCE(number, number + 1);
	smp_store_release(&all, site); /* pairs with prof_site_first() */
}

static struct prof_site_book *get_other(void)
{
	static const struct prof_stack none;

	if (!other) {
		other = make(0, &none);
		if (other)
			publish(other, NULL);
	}
	return other;
}

struct prof_site_book *prof_site_get(const struct prof_stack *stack)
{
	u32 hash = hash_of(stack);
	struct prof_site_book *site = find(hash, stack);

	if (likely(site))
		return site;
	spin_lock(&site_lock);
	site = find(hash, stack);
	if (!site && number < SITES_MAX && stack->depth) {
		site = make(hash, stack);
		if (site)
			publish(site, &chain[hash % CHAINS]);
	} else if (!site) {
		site = get_other();
	}
	spin_unlock(&site_lock);
	return site;
}

void prof_site_begin(struct prof_site_book *site)
{
	spin_lock(&site->lock);
	WRITE_ONCE(site->seq, site->seq + 1);
	smp_wmb(); /* pairs with read_site(): odd before the counts change */
}

void prof_site_end(struct prof_site_book *site)
{
	smp_store_release(&site->seq, site->seq + 1); /* pairs with read_site() */
	spin_unlock(&site->lock);
}

static void add(u64 *to, u64 n)
{
	WRITE_ONCE(*to, *to + n);
}

static void add_objects(struct prof_sum *sum, u64 objects, u64 fraction)
{
	fraction += sum->fraction;
	add(&sum->objects, objects + (fraction >> PROF_WEIGHT_SHIFT));
	WRITE_ONCE(sum->fraction, fraction & FRACTION_MASK);
}

void prof_sum_add(struct prof_sum *sum, const struct prof_sample *sample)
{
	add(&sum->raw_objects, 1);
	add(&sum->raw_bytes, sample->size);
	add(&sum->bytes, prof_sample_bytes(sample));
	add_objects(sum, sample->weight >> PROF_WEIGHT_SHIFT, sample->weight & FRACTION_MASK);
}

void prof_sum_move(struct prof_sum *to, struct prof_sum *from)
{
	add(&to->raw_objects, from->raw_objects);
	add(&to->raw_bytes, from->raw_bytes);
	add(&to->bytes, from->bytes);
	add_objects(to, from->objects, from->fraction);
	memset(from, 0, sizeof(*from));
}

void prof_site_alloc(struct prof_site_book *site, const struct prof_sample *sample)
{
	prof_site_begin(site);
	prof_sum_add(&site->active.alloc, sample);
	prof_site_end(site);
}

void prof_site_freed(struct prof_site_book *site, const struct prof_sample *sample)
{
	prof_site_begin(site);
	prof_sum_add(&site->active.freed, sample);
	prof_site_end(site);
}

struct prof_site_book *prof_site_first(void)
{
	return smp_load_acquire(&all); /* pairs with publish() */
}

u32 prof_site_number(void)
{
	return READ_ONCE(number);
}

u64 prof_site_memory(void)
{
	return READ_ONCE(memory);
}

void prof_site_count_memory(u64 bytes)
{
	atomic_add_return(&memory, bytes);
}
