// SPDX-License-Identifier: MIT
/* The tree: sites put together from the outermost function inwards. */
#include "flame.h"

#include <stdlib.h>

/*
 * The tree while it is made. Its nodes are also in a table with open addressing, at most
 * half full: where stacks have no common end the root alone has as many children as
 * there are sites.
 */
struct builder {
	struct symbols *symbols;
	struct flame **table;
	size_t room; /* a power of two */
	size_t nr;
};

static struct flame **place_of(const struct builder *b, const struct flame *caller,
			       const struct frame *frame)
{
	uint64_t h = (uintptr_t)caller;
	struct flame **at;

	h = (h * 31 + (uintptr_t)frame->function) * 31 + (uintptr_t)frame->module;
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15ULL;
	for (size_t i = h >> 20;; i++) {
		at = &b->table[i & (b->room - 1)];
		if (!*at || ((*at)->caller == caller && (*at)->frame.function == frame->function &&
			     (*at)->frame.module == frame->module))
			return at;
	}
}

static bool grow(struct builder *b)
{
	struct builder bigger = *b;

	if (2 * b->nr < b->room)
		return true;
	bigger.room = b->room ? 2 * b->room : 1024;
	bigger.table = calloc(bigger.room, sizeof(*bigger.table));
	if (!bigger.table)
		return false;
	for (size_t i = 0; i < b->room; i++) {
		struct flame *f = b->table[i];

		if (f)
			*place_of(&bigger, f->caller, &f->frame) = f;
	}
	free(b->table);
	*b = bigger;
	return true;
}

static struct flame *child_of(struct builder *b, struct flame *f, const struct frame *frame)
{
	struct flame *c, **at;

	if (!grow(b))
		return NULL;
	at = place_of(b, f, frame);
	if (*at)
		return *at;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->frame = *frame;
	c->caller = f;
	c->next = f->first;
	f->first = c;
	*at = c;
	b->nr++;
	return c;
}

static bool add_site(struct builder *b, struct flame *f, const struct profile_site *s,
		     int64_t bytes, int64_t objects)
{
	static const struct frame unknown = {"[stack not known]", "", NULL, 0};

	f->bytes += bytes;
	f->objects += objects;
	for (uint32_t i = s->depth; i--;) {
		const struct place *p = symbols_at(b->symbols, s->pc[i]);

		for (int k = p ? p->nr_frames : 0; k--;) {
			f = child_of(b, f, &p->frames[k]);
			if (!f)
				return false;
			f->bytes += bytes;
			f->objects += objects;
		}
	}
	if (!s->depth) {
		f = child_of(b, f, &unknown);
		if (!f)
			return false;
		f->bytes += bytes;
		f->objects += objects;
	}
	f->own += bytes;
	return true;
}

/* Merge sort of a list: widest first. */
static struct flame *sort(struct flame *list)
{
	struct flame *slow = list, *fast, *other, *sorted = NULL, **end = &sorted;

	if (!list || !list->next)
		return list;
	for (fast = list->next; fast && fast->next; fast = fast->next->next)
		slow = slow->next;
	other = slow->next;
	slow->next = NULL;
	list = sort(list);
	other = sort(other);
	while (list && other) {
		struct flame **from = list->bytes >= other->bytes ? &list : &other;

		*end = *from;
		end = &(*from)->next;
		*from = *end;
	}
	*end = list ? list : other;
	return sorted;
}

static void sort_all(struct flame *f)
{
	f->first = sort(f->first);
	for (struct flame *c = f->first; c; c = c->next)
		sort_all(c);
}

struct flame *flame_build(const struct profile *p, struct symbols *s, enum profile_value v)
{
	static const struct frame all = {"all", "", NULL, 0};
	struct flame *root = calloc(1, sizeof(*root));
	struct builder b = {.symbols = s};
	bool good = root != NULL;

	if (!root)
		return NULL;
	root->frame = all;
	for (size_t i = 0; good && i < p->nr_sites; i++) {
		const struct profile_site *site = &p->sites[i];

		if (site->value[v] > 0)
			good = add_site(&b, root, site, site->value[v], site->value[v - 1]);
	}
	free(b.table);
	if (!good) {
		flame_free(root);
		return NULL;
	}
	sort_all(root);
	return root;
}

void flame_free(struct flame *f)
{
	while (f) {
		struct flame *next = f->next;

		flame_free(f->first);
		free(f);
		f = next;
	}
}
