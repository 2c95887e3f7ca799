/* SPDX-License-Identifier: MIT */
/*
 * table.h - what a thread of the request server owns: a chained hash table
 * whose keys are 0..n-1, and the requests on it.
 *
 * An entry is a node of 64 bytes, two links of 32 and a payload of 32 to 496
 * bytes, 264 on average: 392 bytes in four objects, and 8 for its bucket. A
 * request looks up three keys, gives two others a new entry, and makes 12
 * temporary objects, which it reads and drops. Payloads tell their key, and are
 * checked with each look-up.
 */
#ifndef LANE_BENCH_TABLE_H
#define LANE_BENCH_TABLE_H

#include "heap.h"

#define ENTRY_BYTES (64 + 2 * 32 + 264 + 8)
#define LOOKUPS 3
#define REPLACED 2
#define TEMPORARIES 6 /* pairs of a link and a string */

struct link {
	struct link *next;
	uint64_t *payload;
	uint64_t numbers[2];
};

struct entry {
	struct entry *next;
	struct link *first, *second;
	uint64_t *payload;
	uint64_t key, size, version, spare;
};

struct table {
	struct entry **buckets;
	uint32_t n, mask; /* keys; buckets - 1 */
	struct rng rng;
	uint64_t seen;
};

static struct heap_type entry_type, link_type;

static inline void table_types(void)
{
	entry_type = heap_type("entry", sizeof(struct entry), 15);
	link_type = heap_type("link", sizeof(struct link), 3);
}

static inline uint32_t table_hash(const struct table *t, uint32_t key)
{
	return (uint32_t)(((uint64_t)key * 0x9e3779b97f4a7c15u) >> 32) & t->mask;
}

/* One word in each cache line: memory is used, and no language's memset() is measured. */
static inline void fill_words(uint64_t *words, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size / 8; i += 8)
		words[i] = value;
}

static inline struct link *new_link(struct link *next, uint64_t *payload, uint64_t number)
{
	struct link *l = heap_new(&link_type);

	if (next)
		heap_store(&l->next, next);
	else
		heap_null(&l->next);
	heap_store(&l->payload, payload);
	l->numbers[0] = number;
	l->numbers[1] = 0;
	return l;
}

static inline struct entry *new_entry(struct table *t, uint32_t key, uint64_t version)
{
	size_t size = 32 + 8 * rnd_below(&t->rng, 59);
	uint64_t *payload = heap_new_bytes(size);
	struct entry *e;

	fill_words(payload, size, key);
	payload[size / 8 - 1] = ~(uint64_t)key;
	e = heap_new(&entry_type);
	e->key = key;
	e->size = size;
	e->version = version;
	e->spare = 0;
	heap_store(&e->payload, payload);
	heap_store(&e->second, new_link(NULL, payload, version));
	heap_store(&e->first, new_link(e->second, payload, version));
	heap_null(&e->next);
	return e;
}

static inline void drop_entry(struct entry *e)
{
	if (HEAP_MANUAL) {
		heap_drop(e->payload);
		heap_drop(e->first);
		heap_drop(e->second);
		heap_drop(e);
	}
}

static inline void check_entry(const struct entry *e, uint32_t key)
{
	const uint64_t *payload = e->first->next->payload;

	if (e->key != key || payload != e->payload || payload[0] != key ||
	    payload[e->size / 8 - 1] != ~(uint64_t)key || e->first->numbers[0] != e->version)
		die("server: an entry has changed");
}

/* The reference that leads to the entry of @key. */
static inline struct entry **table_find(struct table *t, uint32_t key)
{
	struct entry **slot = &t->buckets[table_hash(t, key)];

	while (*slot && (*slot)->key != key)
		slot = &(*slot)->next;
	if (!*slot)
		die("server: an entry is missing");
	return slot;
}

static inline void table_fill(struct table *t, size_t bytes, uint64_t seed)
{
	uint32_t buckets = 1;

	rng_seed(&t->rng, seed);
	t->n = (uint32_t)(bytes / ENTRY_BYTES);
	while (buckets < t->n)
		buckets *= 2;
	t->mask = buckets - 1;
	t->buckets = heap_new_refs(buckets);
	for (uint32_t key = 0; key < t->n; key++) {
		struct entry **slot = &t->buckets[table_hash(t, key)];
		struct entry *e = new_entry(t, key, 0);

		heap_store(&e->next, *slot);
		heap_store(slot, e);
	}
}

static inline void replace(struct table *t, uint32_t key)
{
	struct entry **slot = table_find(t, key);
	struct entry *old = *slot, *e = new_entry(t, key, old->version + 1);

	heap_store(&e->next, old->next);
	heap_store(slot, e);
	drop_entry(old);
}

static inline void temporaries(struct table *t)
{
	struct link *list = NULL, *next;

	for (int i = 0; i < TEMPORARIES; i++) {
		size_t size = 16 + 8 * rnd_below(&t->rng, 15);
		uint64_t *text = heap_new_bytes(size);

		fill_words(text, size, (uint64_t)i);
		list = new_link(list, text, size);
	}
	for (; list; list = next) {
		t->seen += list->payload[0] + list->numbers[0];
		next = list->next;
		heap_drop(list->payload);
		heap_drop(list);
	}
}

static inline void table_request(struct table *t)
{
	for (int i = 0; i < LOOKUPS; i++) {
		uint32_t key = rnd_below(&t->rng, t->n);

		check_entry(*table_find(t, key), key);
	}
	for (int i = 0; i < REPLACED; i++)
		replace(t, rnd_below(&t->rng, t->n));
	temporaries(t);
}

static inline void table_check(struct table *t)
{
	for (uint32_t key = 0; key < t->n; key++)
		check_entry(*table_find(t, key), key);
}

#endif /* LANE_BENCH_TABLE_H */
