// SPDX-License-Identifier: MIT
/*
 * symbol.c - the table of symbols.
 *
 * A name that nobody uses any more is garbage like everything else, so the table knows its symbols
 * by weak references only. The table itself is C's: its chains are from malloc(), which the
 * collector does not scan, and hold no val. What has a global value, or names a special form, must
 * be found again by its name and so is kept, in the list lisp_roots.bound.
 *
 * A weak reference that has been cleared stays as an entry until a look-up or a growing table
 * meets it.
 *
 * table_lock protects all of it; nothing is allocated under it but symbols and their names. The
 * collector needs no lock of ours, so allocating under a lock is no danger.
 */
#include "lisp.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct entry *next;
	struct lane_gc_weak *weak;
	uint64_t hash;
};

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry **chains;
static size_t mask, entries;

static uint64_t hash_name(const char *s, size_t len)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3;
	return h ^ h >> 29;
}

static void drop(struct entry *e)
{
	lane_gc_weak_destroy(e->weak);
	free(e);
	entries--;
}

/* Without the dead; the chains stay where not a third of the entries is left over. */
static void resize(void)
{
	size_t size = chains ? 2 * (mask + 1) : 256;
	struct entry **more = calloc(size, sizeof(*more));
	struct entry *e, *next;

	if (!more)
		return;
	for (size_t i = 0; chains && i <= mask; i++)
		for (e = chains[i]; e; e = next) {
			next = e->next;
			if (!lane_gc_weak_get(e->weak)) {
				drop(e);
				continue;
			}
			e->next = more[e->hash & (size - 1)];
			more[e->hash & (size - 1)] = e;
		}
	free(chains);
	chains = more;
	mask = size - 1;
}

/* NULL: not there. What it returns is on the caller's stack, so it is not weak any more. */
static val find(const char *s, size_t len, uint64_t h)
{
	struct entry **link = &chains[h & mask];
	struct entry *e;

	while ((e = *link)) {
		struct symbol *sym = lane_gc_weak_get(e->weak);
		struct string *name;

		if (!sym) {
			*link = e->next;
			drop(e);
			continue;
		}
		name = sym->name;
		if (e->hash == h && name->len == len && !memcmp(name->data, s, len))
			return sym;
		link = &e->next;
	}
	return NULL;
}

static val new_symbol(const char *s, size_t len)
{
	return make_two(T_SYMBOL, make_string(s, len), NULL);
}

/* As find(), but makes it; NULL: no memory. */
static val find_or_make(const char *s, size_t len)
{
	uint64_t h = hash_name(s, len);
	struct entry *e;
	val sym;

	if (!chains || entries > 2 * mask)
		resize();
	if (!chains)
		return NULL;
	sym = find(s, len, h);
	if (sym)
		return sym;
	sym = new_symbol(s, len);
	e = malloc(sizeof(*e));
	if (!e)
		return NULL;
	e->weak = lane_gc_weak_create(sym);
	if (!e->weak) {
		free(e);
		return NULL;
	}
	e->hash = h;
	e->next = chains[h & mask];
	chains[h & mask] = e;
	entries++;
	return sym;
}

val intern_string(const char *s, size_t len)
{
	struct catch c;
	val sym;

	catch_push(&c);
	if (setjmp(c.jmp)) {
		pthread_mutex_unlock(&table_lock);
		rethrow(&c);
	}
	pthread_mutex_lock(&table_lock);
	sym = find_or_make(s, len);
	catch_pop(&c);
	pthread_mutex_unlock(&table_lock);
	if (!sym)
		out_of_memory();
	return sym;
}

val intern(const char *name)
{
	return intern_string(name, strlen(name));
}

val make_symbol(const char *name)
{
	return new_symbol(name, strlen(name));
}

val define_global(val symbol, val value)
{
	struct symbol *sym = symbol;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	if (!sym->value) {
		val more = cons(sym, NIL);

		pthread_mutex_lock(&lock);
		lane_gc_write(&pair_of(more)->cdr, lisp_roots.bound);
		lane_gc_write(&lisp_roots.bound, more);
		pthread_mutex_unlock(&lock);
	}
	lane_gc_write(&sym->value, value);
	return sym;
}

/* Of symbols that are alive; the dead leave. */
size_t symbol_count(void)
{
	size_t n;

	pthread_mutex_lock(&table_lock);
	for (size_t i = 0; i <= mask; i++)
		for (struct entry **link = &chains[i], *e; (e = *link);) {
			if (lane_gc_weak_get(e->weak)) {
				link = &e->next;
				continue;
			}
			*link = e->next;
			drop(e);
		}
	n = entries;
	pthread_mutex_unlock(&table_lock);
	return n;
}
