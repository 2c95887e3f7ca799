// SPDX-License-Identifier: MIT
/* The tree: sites put together from the outermost function inwards. */
#include "flame.h"

#include <stdlib.h>

static struct flame *child_of(struct flame *f, const struct frame *frame)
{
	struct flame *c;

	for (c = f->first; c; c = c->next) {
		if (c->frame.function == frame->function && c->frame.module == frame->module)
			return c;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->frame = *frame;
	c->next = f->first;
	f->first = c;
	return c;
}

static bool add_site(struct flame *f, const struct profile_site *s, struct symbols *symbols,
		     int64_t bytes, int64_t objects)
{
	static const struct frame unknown = {"[stack not known]", "", NULL, 0};

	f->bytes += bytes;
	f->objects += objects;
	for (uint32_t i = s->depth; i--;) {
		const struct place *p = symbols_at(symbols, s->pc[i]);

		for (int k = p ? p->nr_frames : 0; k--;) {
			f = child_of(f, &p->frames[k]);
			if (!f)
				return false;
			f->bytes += bytes;
			f->objects += objects;
		}
	}
	if (!s->depth) {
		f = child_of(f, &unknown);
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

	if (!root)
		return NULL;
	root->frame = all;
	for (size_t i = 0; i < p->nr_sites; i++) {
		const struct profile_site *site = &p->sites[i];

		if (site->value[v] > 0 &&
		    !add_site(root, site, s, site->value[v], site->value[v - 1])) {
			flame_free(root);
			return NULL;
		}
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
