// SPDX-License-Identifier: MIT
/*
 * prof_pprof.c - the profile as a message of profile.proto.
 *
 * Written by hand: the message has a dozen fields of two wire types, and a
 * library for it would bring its own malloc into malloc. A field is a varint
 * of number << 3 | type, then a varint (type 0), or a length and bytes (type 2).
 * Fields of a message may come in any order and mixed: strings, locations and
 * samples go out as they turn up, and only locations are remembered.
 *
 * An address stands for the call: one less than the return address.
 */
#include "prof_write.h"

#include <errno.h>
#include <lane/lane.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "format.h"
#include "gzip.h"
#include "prof_maps.h"

/* Numbers of the fields, by message. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_DROP_FRAMES = 7,
	PROFILE_TIME_NANOS = 9,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT_SAMPLE_TYPE = 14,
	VALUE_TYPE = 1,
	VALUE_UNIT = 2,
	SAMPLE_LOCATION = 1,
	SAMPLE_VALUE = 2,
	MAPPING_ID = 1,
	MAPPING_START = 2,
	MAPPING_LIMIT = 3,
	MAPPING_OFFSET = 4,
	MAPPING_FILENAME = 5,
	MAPPING_BUILD_ID = 6,
	LOCATION_ID = 1,
	LOCATION_MAPPING = 2,
	LOCATION_ADDRESS = 3,
	LOCATION_LINE = 4,
	LINE_FUNCTION = 1,
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM_NAME = 3,
};

#define VARINT_MAX 10u /* bytes */

/* Lane's entries and what is below them; those of C++ as tools show them. */
static const char drop_frames[] =
	"(lane_)?(malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|valloc|"
	"pvalloc|malloc_onnode)|operator new(\\[\\])?.*|_Zn[aw]m.*";

/* A message inside another: the longest is a sample. */
struct msg {
	u32 len;
	u8 data[(PROF_FRAMES + 8) * (VARINT_MAX + 1)];
};

/* A location that has gone out; addr 0: a free place. */
struct location {
	uintptr_t addr;
	u64 id;
};

struct pprof {
	struct page_buf *out;
	struct prof_maps maps;
	u64 nr_strings;
	u64 nr_locations;
	u64 unknown; /* id of the location of stacks that are not known; 0: not out yet */
	/* Open addressing, at most half full, a power of two of places. */
	struct page_buf table;
	u64 places;
};

static u32 varint(u8 *to, u64 v)
{
	u32 n = 0;

	for (; v > 127; v >>= 7)
		to[n++] = (u8)(v | 128);
	to[n++] = (u8)v;
	return n;
}

static void msg_begin(struct msg *m)
{
	m->len = 0;
}

static void msg_varint(struct msg *m, u64 v)
{
	m->len += varint(m->data + m->len, v);
}

static void msg_field(struct msg *m, u32 field, u64 v)
{
	msg_varint(m, field << 3);
	msg_varint(m, v);
}

static void put_field(struct pprof *w, u32 field, u64 v)
{
	struct msg m;

	msg_begin(&m);
	msg_field(&m, field, v);
	page_buf_put(w->out, m.data, m.len);
}

static void put_bytes(struct pprof *w, u32 field, const void *data, size_t len)
{
	u8 head[2 * VARINT_MAX];
	u32 n = varint(head, field << 3 | 2);

	n += varint(head + n, len);
	page_buf_put(w->out, head, n);
	page_buf_put(w->out, data, len);
}

static void put_msg(struct pprof *w, u32 field, const struct msg *m)
{
	put_bytes(w, field, m->data, m->len);
}

/* Returns the string's number. */
static u64 put_string(struct pprof *w, const char *s, size_t len)
{
	put_bytes(w, PROFILE_STRING, s, len);
	return w->nr_strings++;
}

static u64 put_text(struct pprof *w, const char *s)
{
	return put_string(w, s, strlen(s));
}

/* Bytes of the character of UTF-8 that @s begins with; 0 where there is none. */
static size_t utf8_char(const u8 *s, size_t len)
{
	static const u32 least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	u32 code = n > 1 ? s[0] & (0x7fu >> n) : s[0];

	if (!n || n > len || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	return code < least[n] || code > 0x10ffff || code >> 11 == 0xd800 >> 11 ? 0 : n;
}

/*
 * A file's name may be of any bytes, and strings of the format are UTF-8: readers refuse the
 * whole message for one that is not. What is not gets question marks.
 */
static u64 put_path(struct pprof *w, const char *path, size_t len)
{
	u64 string = put_string(w, path, len);
	u8 *s;

	if (w->out->err)
		return string;
	s = (u8 *)w->out->data + w->out->len - len;
	for (size_t i = 0, n; i < len; i += max(n, (size_t)1)) {
		n = utf8_char(s + i, len - i);
		if (!n)
			s[i] = '?';
	}
	return string;
}

static void put_value_type(struct pprof *w, u32 field, u64 type, u64 unit)
{
	struct msg m;

	msg_begin(&m);
	msg_field(&m, VALUE_TYPE, type);
	msg_field(&m, VALUE_UNIT, unit);
	put_msg(w, field, &m);
}

static void put_comments(struct pprof *w, const struct prof_source *src)
{
	const struct prof_totals *t = &src->totals;
	char line[160];

	format(line, sizeof(line), "lane %s, process %d, %s", LANE_VERSION, getpid(), src->why);
	put_field(w, PROFILE_COMMENT, put_text(w, line));
	format(line, sizeof(line), "%lu samples, %lu lost for want of memory, rate %lu bytes%s",
	       (unsigned long)t->samples, (unsigned long)t->samples_lost, (unsigned long)t->rate,
	       t->rate ? "" : ": sampling is off");
	put_field(w, PROFILE_COMMENT, put_text(w, line));
}

static void put_head(struct pprof *w, const struct prof_source *src)
{
	struct timespec now;
	u64 count, bytes, space, inuse;

	put_text(w, "");
	count = put_text(w, "count");
	bytes = put_text(w, "bytes");
	put_value_type(w, PROFILE_SAMPLE_TYPE, put_text(w, "alloc_objects"), count);
	put_value_type(w, PROFILE_SAMPLE_TYPE, put_text(w, "alloc_space"), bytes);
	put_value_type(w, PROFILE_SAMPLE_TYPE, put_text(w, "inuse_objects"), count);
	inuse = put_text(w, "inuse_space");
	put_value_type(w, PROFILE_SAMPLE_TYPE, inuse, bytes);
	put_field(w, PROFILE_DEFAULT_SAMPLE_TYPE, inuse);
	space = put_text(w, "space");
	put_value_type(w, PROFILE_PERIOD_TYPE, space, bytes);
	put_field(w, PROFILE_PERIOD, src->totals.rate);
	put_field(w, PROFILE_DROP_FRAMES, put_text(w, drop_frames));
	clock_gettime(CLOCK_REALTIME, &now);
	put_field(w, PROFILE_TIME_NANOS, (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec);
	put_comments(w, src);
}

static void put_mapping(struct pprof *w, struct prof_mapping *p, u64 name, u64 build_id)
{
	struct msg m;

	msg_begin(&m);
	msg_field(&m, MAPPING_ID, p->id);
	msg_field(&m, MAPPING_START, p->start);
	msg_field(&m, MAPPING_LIMIT, p->end);
	msg_field(&m, MAPPING_OFFSET, p->offset);
	msg_field(&m, MAPPING_FILENAME, name);
	msg_field(&m, MAPPING_BUILD_ID, build_id);
	put_msg(w, PROFILE_MAPPING, &m);
}

/* The executable mappings of a file, or those of all others; ids go on from @id. */
static u32 put_mappings_of(struct pprof *w, const struct prof_mapping *file, bool others, u32 id)
{
	for (u32 i = 0; i < w->maps.nr; i++) {
		struct prof_mapping *p = prof_maps_at(&w->maps, i);
		char hex[2 * BUILD_ID_MAX + 1];
		u64 name = 0, build_id = 0;

		if (!p->exec || p->id ||
		    (!others && (p->path_len != file->path_len ||
				 memcmp(p->path, file->path, file->path_len) != 0)))
			continue;
		if (p->path_len)
			name = put_path(w, p->path, p->path_len);
		for (u32 b = 0; b < p->build_id_len; b++)
			format(hex + 2 * b, 3, "%02x", p->build_id[b]);
		if (p->build_id_len)
			build_id = put_string(w, hex, 2 * (size_t)p->build_id_len);
		p->id = ++id;
		put_mapping(w, p, name, build_id);
	}
	return id;
}

/* Tools take the first one for the program. */
static void put_mappings(struct pprof *w)
{
	uintptr_t phdrs = getauxval(AT_PHDR);
	u32 id = 0;

	for (u32 i = 0; i < w->maps.nr; i++) {
		const struct prof_mapping *p = prof_maps_at(&w->maps, i);

		if (phdrs >= p->start && phdrs < p->end && p->path_len)
			id = put_mappings_of(w, p, false, id);
	}
	put_mappings_of(w, NULL, true, id);
}

static struct location *place_of(const struct page_buf *table, u64 places, uintptr_t addr)
{
	struct location *l = (struct location *)table->data;
	u64 i = (addr * 0x9e3779b97f4a7c15ULL >> 20) & (places - 1);

	while (l[i].addr && l[i].addr != addr)
		i = (i + 1) & (places - 1);
	return &l[i];
}

/* Fresh pages are zero. */
static void grow_table(struct pprof *w)
{
	u64 places = w->places ? w->places * 2 : 4096;
	struct page_buf bigger = {0};

	if (!page_buf_room(&bigger, places * sizeof(struct location))) {
		w->out->err = bigger.err;
		return;
	}
	for (u64 i = 0; i < w->places; i++) {
		const struct location *l = (const struct location *)w->table.data + i;

		if (l->addr)
			*place_of(&bigger, places, l->addr) = *l;
	}
	page_buf_free(&w->table);
	w->table = bigger;
	w->places = places;
}

/* The number of the location of a call at @addr; it goes out where it is new. */
static u64 location_of(struct pprof *w, uintptr_t addr)
{
	const struct prof_mapping *p = prof_maps_find(&w->maps, addr);
	struct location *l;
	struct msg m;

	if (2 * w->nr_locations >= w->places)
		grow_table(w);
	if (w->out->err)
		return 0;
	l = place_of(&w->table, w->places, addr);
	if (l->addr)
		return l->id;
	*l = (struct location){addr, ++w->nr_locations};
	msg_begin(&m);
	msg_field(&m, LOCATION_ID, l->id);
	msg_field(&m, LOCATION_MAPPING, p ? p->id : 0);
	msg_field(&m, LOCATION_ADDRESS, addr);
	put_msg(w, PROFILE_LOCATION, &m);
	return l->id;
}

/* For a stack of which nothing is known: a function with a name that says so. */
static u64 unknown_location(struct pprof *w)
{
	struct msg function, line, m;
	u64 name;

	if (w->unknown)
		return w->unknown;
	name = put_text(w, "[stack not known]");
	msg_begin(&function);
	msg_field(&function, FUNCTION_ID, 1);
	msg_field(&function, FUNCTION_NAME, name);
	msg_field(&function, FUNCTION_SYSTEM_NAME, name);
	put_msg(w, PROFILE_FUNCTION, &function);
	w->unknown = ++w->nr_locations;
	msg_begin(&line);
	msg_field(&line, LINE_FUNCTION, 1);
	msg_begin(&m);
	msg_field(&m, LOCATION_ID, w->unknown);
	msg_varint(&m, LOCATION_LINE << 3 | 2);
	msg_varint(&m, line.len);
	memcpy(m.data + m.len, line.data, line.len);
	m.len += line.len;
	put_msg(w, PROFILE_LOCATION, &m);
	return w->unknown;
}

static void put_sample(void *arg, const struct prof_site *s)
{
	struct pprof *w = arg;
	u32 depth = prof_maps_depth(&w->maps, s->pc, min(s->depth, PROF_FRAMES));
	struct msg m;

	if (!s->raw_alloc_objects)
		return;
	msg_begin(&m);
	for (u32 i = 0; i < depth; i++)
		msg_field(&m, SAMPLE_LOCATION, location_of(w, s->pc[i] - 1));
	if (!depth)
		msg_field(&m, SAMPLE_LOCATION, unknown_location(w));
	msg_field(&m, SAMPLE_VALUE, s->alloc_objects);
	msg_field(&m, SAMPLE_VALUE, s->alloc_bytes);
	msg_field(&m, SAMPLE_VALUE, s->inuse_objects);
	msg_field(&m, SAMPLE_VALUE, s->inuse_bytes);
	put_msg(w, PROFILE_SAMPLE, &m);
}

int prof_pprof_write(struct page_buf *to, const struct prof_source *src)
{
	struct pprof w = {.out = to};
	int err = prof_maps_read(&w.maps, true);

	if (!err) {
		put_head(&w, src);
		put_mappings(&w);
		src->read(put_sample, &w);
		err = to->err;
	}
	page_buf_free(&w.table);
	prof_maps_free(&w.maps);
	return err;
}

int prof_pprof_gz_write(struct page_buf *to, const struct prof_source *src, bool compress)
{
	struct page_buf plain = {0};
	int err = prof_pprof_write(&plain, src);

	if (!err && compress)
		gzip_compress(to, plain.data, plain.len);
	else if (!err)
		gzip_store(to, plain.data, plain.len);
	page_buf_free(&plain);
	return err ? err : to->err;
}
