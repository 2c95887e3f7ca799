// SPDX-License-Identifier: MIT
/*
 * A message of profile.proto taken apart, in two passes: strings, mappings and
 * locations first, since samples may come before what they refer to.
 */
#include "profile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define UNPACKED_MAX (512u << 20) /* bytes that are believed */

struct bytes {
	const uint8_t *at, *end;
};

/* A field: a number, or bytes where @bytes.at is not NULL. */
struct field {
	uint64_t number;
	uint64_t value;
	struct bytes bytes;
};

struct parser {
	struct profile *p;
	uint64_t *address; /* of a location, by its id */
	bool *named;	   /* it has a line of its own: the stack is not known */
	size_t nr_ids;
	size_t ids_max;	    /* Lane counts them from 1, and each takes some bytes of the message */
	uint64_t *comments; /* as numbers of strings */
	size_t nr_comments;
	size_t room_strings, room_mappings, room_sites, room_comments;
	struct {
		uint64_t file, build_id;
	} * names; /* of the mappings, as numbers of strings */
	size_t room_names;
};

static int varint(struct bytes *b, uint64_t *v)
{
	*v = 0;
	for (unsigned int shift = 0; b->at < b->end && shift < 64; shift += 7) {
		*v |= (uint64_t)(*b->at & 127) << shift;
		if (*b->at++ < 128)
			return 0;
	}
	return -EINVAL;
}

/* 1, 0 at the end, or -EINVAL. */
static int next(struct bytes *b, struct field *f)
{
	uint64_t key, len;

	if (b->at == b->end)
		return 0;
	*f = (struct field){0};
	if (varint(b, &key))
		return -EINVAL;
	f->number = key >> 3;
	if ((key & 7) == 0)
		return varint(b, &f->value) ? -EINVAL : 1;
	if ((key & 7) != 2 || varint(b, &len) || len > (uint64_t)(b->end - b->at))
		return -EINVAL;
	f->bytes = (struct bytes){b->at, b->at + len};
	b->at += len;
	return 1;
}

/* Room for one more of @size; NULL without memory. */
static void *more(void **array, size_t nr, size_t *room, size_t size)
{
	if (nr == *room) {
		size_t n = *room ? *room * 2 : 64;
		void *a = reallocarray(*array, n, size);

		if (!a)
			return NULL;
		*array = a;
		*room = n;
	}
	return (char *)*array + nr * size;
}

static int add_string(struct parser *w, struct bytes b)
{
	char **s = more((void **)&w->p->strings, w->p->nr_strings, &w->room_strings, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = strndup((const char *)b.at, (size_t)(b.end - b.at));
	if (!*s)
		return -ENOMEM;
	w->p->nr_strings++;
	return 0;
}

static int add_comment(struct parser *w, uint64_t string)
{
	uint64_t *c = more((void **)&w->comments, w->nr_comments, &w->room_comments, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = string;
	w->nr_comments++;
	return 0;
}

static int add_mapping(struct parser *w, struct bytes b)
{
	struct profile *p = w->p;
	struct profile_mapping *m =
		more((void **)&p->mappings, p->nr_mappings, &w->room_mappings, sizeof(*m));
	__typeof__(w->names) name =
		more((void **)&w->names, p->nr_mappings, &w->room_names, sizeof(*name));
	struct field f;
	int ret;

	if (!m || !name)
		return -ENOMEM;
	memset(m, 0, sizeof(*m));
	memset(name, 0, sizeof(*name));
	while ((ret = next(&b, &f)) > 0) {
		if (f.number == 2)
			m->start = f.value;
		else if (f.number == 3)
			m->limit = f.value;
		else if (f.number == 4)
			m->offset = f.value;
		else if (f.number == 5)
			name->file = f.value;
		else if (f.number == 6)
			name->build_id = f.value;
	}
	p->nr_mappings += !ret;
	return ret;
}

static int add_location(struct parser *w, struct bytes b)
{
	uint64_t id = 0, address = 0;
	bool named = false;
	struct field f;
	int ret;

	while ((ret = next(&b, &f)) > 0) {
		if (f.number == 1)
			id = f.value;
		else if (f.number == 3)
			address = f.value;
		else if (f.number == 4)
			named = true;
	}
	if (ret || !id || id > w->ids_max)
		return -EINVAL;
	if (id >= w->nr_ids) {
		size_t n = id * 2 < 4096 ? 4096 : id * 2;
		uint64_t *a = reallocarray(w->address, n, sizeof(*a));
		bool *k;

		if (!a)
			return -ENOMEM;
		w->address = a;
		k = reallocarray(w->named, n, sizeof(*k));
		if (!k)
			return -ENOMEM;
		w->named = k;
		memset(a + w->nr_ids, 0, (n - w->nr_ids) * sizeof(*a));
		memset(k + w->nr_ids, 0, (n - w->nr_ids) * sizeof(*k));
		w->nr_ids = n;
	}
	w->address[id] = address;
	w->named[id] = named;
	return 0;
}

static int first_pass(struct parser *w, struct bytes b)
{
	struct field f;
	int ret, err = 0;

	while (!err && (ret = next(&b, &f)) > 0) {
		if (f.number == 12 && !f.bytes.at)
			w->p->rate = (int64_t)f.value;
		else if (f.number == 13 && !f.bytes.at)
			err = add_comment(w, f.value);
		else if (f.number >= 3 && f.number <= 6 && !f.bytes.at)
			err = -EINVAL;
		else if (f.number == 3)
			err = add_mapping(w, f.bytes);
		else if (f.number == 4)
			err = add_location(w, f.bytes);
		else if (f.number == 6)
			err = add_string(w, f.bytes);
	}
	if (!err && w->p->rate < 0)
		err = -EINVAL;
	return err ? err : ret;
}

/* One number, or many packed into bytes: Lane writes the former, others the latter. */
static int add_numbers(const struct field *f, uint64_t *list, size_t room, size_t *n)
{
	struct bytes b = f->bytes;
	uint64_t v = f->value;

	do {
		if (*n == room || (b.at && varint(&b, &v)))
			return -EINVAL;
		list[(*n)++] = v;
	} while (b.at && b.at < b.end);
	return 0;
}

static int add_sample(struct parser *w, struct bytes b)
{
	uint64_t ids[PROFILE_DEPTH_MAX], values[PROFILE_VALUES];
	size_t nr_ids = 0, nr_values = 0;
	struct profile *p = w->p;
	struct profile_site *s;
	struct field f;
	int ret;

	while ((ret = next(&b, &f)) > 0) {
		if (f.number == 1)
			ret = add_numbers(&f, ids, PROFILE_DEPTH_MAX, &nr_ids);
		else if (f.number == 2)
			ret = add_numbers(&f, values, PROFILE_VALUES, &nr_values);
		else
			ret = 0;
		if (ret)
			return ret;
	}
	if (ret || nr_values != PROFILE_VALUES)
		return -EINVAL;
	s = more((void **)&p->sites, p->nr_sites, &w->room_sites, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct profile_site){.pc = malloc((nr_ids ? nr_ids : 1) * sizeof(*s->pc))};
	if (!s->pc)
		return -ENOMEM;
	p->nr_sites++;
	for (size_t i = 0; i < nr_ids; i++) {
		if (ids[i] >= w->nr_ids)
			return -EINVAL;
		if (!w->named[ids[i]])
			s->pc[s->depth++] = w->address[ids[i]];
	}
	for (int i = 0; i < PROFILE_VALUES; i++) {
		/* What a process says may be anything: no sum of it, nor a difference, may wrap. */
		if (values[i] > (uint64_t)(INT64_MAX - p->sum[i]))
			return -EINVAL;
		s->value[i] = (int64_t)values[i];
		p->sum[i] += s->value[i];
	}
	return 0;
}

/* "N samples, M lost for want of memory, ...", as percpu/prof/prof_pprof.c has it. */
static int read_comments(struct parser *w)
{
	for (size_t i = 0; i < w->nr_comments; i++) {
		uint64_t samples, lost;

		if (w->comments[i] >= w->p->nr_strings)
			return -EINVAL;
		if (sscanf(w->p->strings[w->comments[i]], "%" SCNu64 " samples, %" SCNu64 " lost",
			   &samples, &lost) == 2) {
			w->p->samples = samples;
			w->p->lost = lost;
		}
	}
	return 0;
}

static int second_pass(struct parser *w, struct bytes b)
{
	struct profile *p = w->p;
	struct field f;
	int ret = 0, err = 0;

	while (!err && (ret = next(&b, &f)) > 0) {
		if (f.number == 2)
			err = f.bytes.at ? add_sample(w, f.bytes) : -EINVAL;
	}
	for (size_t i = 0; i < p->nr_mappings && !err; i++) {
		if (w->names[i].file >= p->nr_strings || w->names[i].build_id >= p->nr_strings)
			return -EINVAL;
		p->mappings[i].file = p->strings[w->names[i].file];
		p->mappings[i].build_id = p->strings[w->names[i].build_id];
	}
	if (!err)
		err = ret ? ret : read_comments(w);
	return err;
}

int profile_order(const void *a, const void *b)
{
	const struct profile_site *x = a, *y = b;
	uint32_t n = x->depth < y->depth ? x->depth : y->depth;

	for (uint32_t i = 0; i < n; i++) {
		if (x->pc[i] != y->pc[i])
			return x->pc[i] < y->pc[i] ? -1 : 1;
	}
	return (x->depth > y->depth) - (x->depth < y->depth);
}

/* Stacks that differed only behind what was cut off are one site. They are in order. */
static void merge_equal(struct profile *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->nr_sites; i++) {
		struct profile_site *s = &p->sites[i], *to = n ? &p->sites[n - 1] : NULL;

		if (!to || profile_order(to, s)) {
			p->sites[n++] = *s;
			continue;
		}
		for (int v = 0; v < PROFILE_VALUES; v++)
			to->value[v] += s->value[v];
		free(s->pc);
	}
	p->nr_sites = n;
}

static int parse(struct profile *p, const uint8_t *data, size_t len)
{
	struct parser w = {.p = p, .ids_max = len};
	int err = first_pass(&w, (struct bytes){data, data + len});

	if (!err)
		err = second_pass(&w, (struct bytes){data, data + len});
	free(w.address);
	free(w.named);
	free(w.names);
	free(w.comments);
	if (!err && p->nr_sites) {
		qsort(p->sites, p->nr_sites, sizeof(*p->sites), profile_order);
		merge_equal(p);
	}
	return err;
}

/* What @data unpacks to, from malloc(). */
static int unpack(const void *data, size_t len, uint8_t **out, size_t *out_len)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len};
	size_t room = len * 4 + 4096;
	uint8_t *buf = NULL, *bigger;
	int ret = Z_OK;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	while (ret == Z_OK && z.total_out < UNPACKED_MAX) {
		bigger = realloc(buf, room);
		if (!bigger) {
			ret = Z_MEM_ERROR;
			break;
		}
		buf = bigger;
		z.next_out = buf + z.total_out;
		z.avail_out = (uInt)(room - z.total_out);
		ret = inflate(&z, Z_NO_FLUSH);
		room *= 2;
	}
	*out = buf;
	*out_len = z.total_out;
	inflateEnd(&z);
	if (ret == Z_STREAM_END)
		return 0;
	free(buf);
	return ret == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
}

int profile_parse(struct profile *p, const void *data, size_t len)
{
	uint8_t *plain = NULL;
	int err = 0;

	memset(p, 0, sizeof(*p));
	if (len > UNPACKED_MAX)
		return -EINVAL;
	if (len < 2 || memcmp(data, "\x1f\x8b", 2)) {
		err = parse(p, data, len);
	} else {
		err = unpack(data, len, &plain, &len);
		if (!err) {
			err = parse(p, plain, len);
			free(plain);
		}
	}
	if (err)
		profile_free(p);
	return err;
}

void profile_free(struct profile *p)
{
	for (size_t i = 0; i < p->nr_sites; i++)
		free(p->sites[i].pc);
	for (size_t i = 0; i < p->nr_strings; i++)
		free(p->strings[i]);
	free(p->sites);
	free(p->strings);
	free(p->mappings);
	memset(p, 0, sizeof(*p));
}
