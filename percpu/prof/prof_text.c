// SPDX-License-Identifier: MIT
/*
 * prof_text.c - the profile as the text that pprof has always read:
 *
 *	heap profile: OBJECTS: BYTES [OBJECTS: BYTES] @ heap_v2/RATE
 *	# key value
 *	OBJECTS: BYTES [OBJECTS: BYTES] @ ADDRESS ADDRESS ...
 *	...
 *	MAPPED_LIBRARIES:
 *	/proc/self/maps
 *
 * in use, and in brackets allocated so far. RATE is that of all samples; where there
 * were several, estimates stand in their place, and 1, which scales by nothing. Readers take one
 * from each address to get from the return address to the call, google-pprof from all but the
 * first, Go's pprof from all. So the first is written less one: then it is inside the call for
 * both, which is two bytes long at least.
 */
#include "prof_write.h"

#include <lane/lane.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "prof_maps.h"

#define HEAD_MAX (2 * PAGE_BUF_LINE) /* bytes before the first site */

struct text {
	struct page_buf *out;
	u64 rate; /* that readers scale by; 1: not at all, what is written are estimates */
	struct prof_maps maps;
	u64 objects, bytes, alloc_objects, alloc_bytes;
};

/* " 0x", and the digits: a site may have a thousand of them. */
static char *put_address(char *to, uintptr_t addr)
{
	u32 digits = (67 - (u32)__builtin_clzll(addr | 1)) / 4;

	*to++ = ' ';
	*to++ = '0';
	*to++ = 'x';
	while (digits--)
		*to++ = "0123456789abcdef"[addr >> 4 * digits & 15];
	return to;
}

/* Stands in a profile where no frame is known: readers show its name. Never called. */
static __attribute__((noinline, used)) void stack_not_known(void)
{
	__asm__ volatile(".skip 16"); /* something to point into */
}

static void put_stack(struct text *t, const struct prof_site *s)
{
	const uintptr_t nowhere = (uintptr_t)stack_not_known + 4;
	u32 depth = prof_maps_depth(&t->maps, s->pc, min(s->depth, PROF_FRAMES));
	const uintptr_t *pc = depth ? s->pc : &nowhere;
	char *room = page_buf_room(t->out, (PROF_FRAMES + 1) * 20), *to = room;

	if (!room)
		return;
	*to++ = '@';
	for (u32 i = 0; i < max(depth, 1u); i++)
		to = put_address(to, pc[i] - !i);
	*to++ = '\n';
	t->out->len += (size_t)(to - room);
}

/* No bytes without an object: readers take that for an error. */
static void put_counts(struct text *t, u64 objects, u64 bytes, u64 alloc_objects, u64 alloc_bytes)
{
	if (!objects)
		bytes = 0;
	page_buf_printf(t->out, "%lu: %lu [%lu: %lu] ", objects, bytes, alloc_objects, alloc_bytes);
	t->objects += objects;
	t->bytes += bytes;
	t->alloc_objects += alloc_objects;
	t->alloc_bytes += alloc_bytes;
}

static void put_site(void *arg, const struct prof_site *s)
{
	struct text *t = arg;

	if (!s->raw_alloc_objects)
		return;
	if (t->rate == 1)
		put_counts(t, s->inuse_objects, s->inuse_bytes, s->alloc_objects, s->alloc_bytes);
	else
		put_counts(t, s->raw_inuse_objects, s->raw_inuse_bytes, s->raw_alloc_objects,
			   s->raw_alloc_bytes);
	put_stack(t, s);
}

static size_t format_head(char *head, const struct text *t, const struct prof_source *src)
{
	const struct prof_totals *sum = &src->totals;
	size_t n = format(head, HEAD_MAX, "heap profile: %lu: %lu [%lu: %lu] @ heap_v2/%lu\n",
			  t->objects, t->bytes, t->alloc_objects, t->alloc_bytes, t->rate);

	n += format(head + n, HEAD_MAX - n, "# version 1\n# state %s\n", sum->rate ? "on" : "off");
	if (!sum->rate)
		n += format(head + n, HEAD_MAX - n,
			    "# reason sampling is off; to switch it on: LANE_CONF=prof_rate:512k, "
			    "lane_prof_set_rate(), or a line \"prof_rate 512k\" written to conf\n");
	return n + format(head + n, HEAD_MAX - n,
			  "# rate %lu\n# samples %lu\n# samples_lost %lu\n# sites %lu\n"
			  "# inuse_bytes %lu\n# metadata %lu\n",
			  sum->rate, sum->samples, sum->samples_lost, sum->sites, sum->inuse_bytes,
			  sum->metadata);
}

void prof_source_init(struct prof_source *src, const char *why)
{
	src->read = prof_read;
	src->why = why;
	prof_totals(&src->totals);
}

int prof_text_write(struct page_buf *to, const struct prof_source *src)
{
	const struct prof_totals *sum = &src->totals;
	struct text t = {.out = to, .rate = sum->one_rate ? sum->one_rate : sum->samples > 0};
	size_t begin = to->len, head;
	int err = prof_maps_read(&t.maps, false);

	/* The sums stand first and are known last: room for them, which is closed afterwards. */
	if (!err && page_buf_room(to, HEAD_MAX)) {
		to->len += HEAD_MAX;
		src->read(put_site, &t);
		page_buf_printf(to, "\nMAPPED_LIBRARIES:\n");
		page_buf_put(to, t.maps.text.data, t.maps.text.len);
	}
	if (!err)
		err = to->err;
	if (!err) {
		head = format_head(to->data + begin, &t, src);
		to->len -= HEAD_MAX - head;
		memmove(to->data + begin + head, to->data + begin + HEAD_MAX,
			to->len - begin - head);
	}
	prof_maps_free(&t.maps);
	return err;
}
