// SPDX-License-Identifier: MIT
#include "prof_record.h"

#include "atomic.h"
#include "meta.h"

#define STRIPES 64u
#define FIRST_CHAINS 16u /* of a stripe's first array */
#define LOAD 2u		 /* records a chain, in the mean, at which the array doubles */
#define NEW_RECORDS 16u	 /* made at a time */

static struct stripe {
	struct spinlock lock;
	u32 chains;		   /* a power of two */
	u32 records;		   /* in the table */
	struct prof_record **head; /* array of chains */
	struct prof_record *spare;
} __aligned_to(CACHE_LINE) table[STRIPES] = {
	[0 ... STRIPES - 1] = {.lock = SPINLOCK_INIT(RANK_RECORD)},
};

static u64 memory; /* bytes; atomic */

static u64 hash_of(uintptr_t address)
{
	u64 h = address * 0x9e3779b97f4a7c15ULL;

	return h ^ h >> 32;
}

static struct stripe *stripe_of(u64 hash)
{
	return &table[hash % STRIPES];
}

static struct prof_record **chain_of(struct stripe *s, u64 hash)
{
	return &s->head[hash / STRIPES % s->chains];
}

static void *get_memory(size_t bytes)
{
	void *p = meta_alloc(bytes, CACHE_LINE);

	if (p)
		atomic_add_return(&memory, bytes);
	return p;
}

static void add_spares(struct stripe *s, void *p, size_t bytes)
{
	struct prof_record *r = p;

	for (; bytes >= sizeof(*r); bytes -= sizeof(*r), r++) {
		r->next = s->spare;
		s->spare = r;
	}
}

/* False where there is no array at all. */
static bool grow(struct stripe *s)
{
	u32 old = s->chains, chains = old ? 2 * old : FIRST_CHAINS;
	struct prof_record **from = s->head, **head;

	if (old && s->records < old * LOAD)
		return true;
	head = get_memory(chains * sizeof(*head));
	if (!head)
		return old != 0;
	s->head = head;
	s->chains = chains;
	for (u32 i = 0; i < old; i++) {
		struct prof_record *r = from[i], *next;

		for (; r; r = next) {
			struct prof_record **to = chain_of(s, hash_of(r->address));

			next = r->next;
			r->next = *to;
			*to = r;
		}
	}
	if (old)
		add_spares(s, from, old * sizeof(*from));
	return true;
}

static struct prof_record *new_record(struct stripe *s)
{
	struct prof_record *r;

	if (!s->spare) {
		void *p = get_memory(NEW_RECORDS * sizeof(*r));

		if (p)
			add_spares(s, p, NEW_RECORDS * sizeof(*r));
	}
	r = s->spare;
	if (r)
		s->spare = r->next;
	return r;
}

bool prof_record_put(const void *object, struct prof_site_book *site,
		     const struct prof_sample *sample)
{
	u64 hash = hash_of((uintptr_t)object);
	struct stripe *s = stripe_of(hash);
	struct prof_record *r = NULL;

	spin_lock(&s->lock);
	if (grow(s))
		r = new_record(s);
	if (r) {
		struct prof_record **head = chain_of(s, hash);

		*r = (struct prof_record){.next = *head,
					  .address = (uintptr_t)object,
					  .site = site,
					  .sample = *sample};
		*head = r;
		s->records++;
	}
	spin_unlock(&s->lock);
	return r;
}

bool prof_record_take(const void *object, struct prof_record *record)
{
	u64 hash = hash_of((uintptr_t)object);
	struct stripe *s = stripe_of(hash);
	struct prof_record **at, *r = NULL;

	spin_lock(&s->lock);
	if (s->chains) {
		for (at = chain_of(s, hash); (r = *at) != NULL; at = &r->next) {
			if (r->address == (uintptr_t)object)
				break;
		}
	}
	if (r) {
		*record = *r;
		*at = r->next;
		r->next = s->spare;
		s->spare = r;
		s->records--;
	}
	spin_unlock(&s->lock);
	return r;
}

u64 prof_record_memory(void)
{
	return READ_ONCE(memory);
}
