// SPDX-License-Identifier: MIT
#include "prof_maps.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "os.h"

#define READ_STEP (64u << 10) /* bytes; the kernel gives a page of them at a time */
#define PHDRS_MAX 64	      /* of an image: what has more is not looked at */
#define NOTES_MAX 1024	      /* bytes of a segment of notes */

/* /proc/self is the first thread, which has none any more where it ended by pthread_exit(). */
static int read_text(struct page_buf *text)
{
	long fd = os.open_read("/proc/thread-self/maps"), n = 0;

	if (fd < 0)
		return (int)fd;
	fd = os_out_of_the_way((int)fd);
	do {
		char *room = page_buf_room(text, READ_STEP);

		n = room ? os.read((int)fd, room, READ_STEP) : text->err;
		if (n > 0)
			text->len += (size_t)n;
	} while (n > 0 || n == -EINTR);
	os.close((int)fd);
	return (int)n;
}

static const char *hex(const char *s, const char *end, u64 *v)
{
	for (*v = 0; s < end; s++) {
		if (*s >= '0' && *s <= '9')
			*v = *v << 4 | (u64)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			*v = *v << 4 | (u64)(*s - 'a' + 10);
		else
			break;
	}
	return s;
}

static const char *skip_word(const char *s, const char *end)
{
	while (s < end && *s != ' ')
		s++;
	while (s < end && *s == ' ')
		s++;
	return s;
}

/* "start-end perms offset device inode   path" */
bool prof_maps_line(const char *s, const char *end, struct prof_mapping *m)
{
	u64 start, limit;

	*m = (struct prof_mapping){0};
	s = hex(s, end, &start);
	if (s == end || *s != '-')
		return false;
	s = hex(s + 1, end, &limit);
	if (end - s < 6 || *s != ' ')
		return false;
	m->start = start;
	m->end = limit;
	m->read = s[1] == 'r';
	m->exec = s[3] == 'x';
	s = hex(s + 6, end, &m->offset);
	s = skip_word(s, end); /* stands at a blank already */
	s = skip_word(s, end);
	s = skip_word(s, end);
	m->path = s;
	m->path_len = (u32)(end - s);
	return true;
}

static int parse_text(struct prof_maps *m)
{
	const char *s = m->text.data, *end = s + m->text.len;

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		struct prof_mapping one;

		if (!nl)
			nl = end;
		if (prof_maps_line(s, nl, &one)) {
			page_buf_put(&m->table, &one, sizeof(one));
			m->nr++;
		}
		s = nl + 1;
	}
	return m->table.err;
}

static bool same_file(const struct prof_mapping *a, const struct prof_mapping *b)
{
	return a->path_len == b->path_len && !memcmp(a->path, b->path, a->path_len);
}

/* Where @bytes at @offset of the file that begins at entry @first are readable; 0: nowhere. */
static uintptr_t address_of(const struct prof_maps *m, u32 first, u64 offset, u64 bytes)
{
	const struct prof_mapping *base = prof_maps_at(m, first);

	for (u32 i = first; i < m->nr; i++) {
		const struct prof_mapping *p = prof_maps_at(m, i);

		if (!same_file(p, base))
			break;
		if (p->read && offset >= p->offset && bytes <= p->end - p->start &&
		    offset - p->offset <= p->end - p->start - bytes)
			return p->start + (uintptr_t)(offset - p->offset);
	}
	return 0;
}

/* The build id among @len bytes of notes, into @id; its length or 0. */
static u8 find_note(const u8 *notes, size_t len, u8 *id)
{
	size_t at = 0;
	Elf64_Nhdr n;

	while (len - at >= sizeof(n)) {
		size_t name, desc;

		memcpy(&n, notes + at, sizeof(n));
		name = at + sizeof(n);
		if (n.n_namesz > len || n.n_descsz > len)
			break;
		desc = name + ALIGN_UP((size_t)n.n_namesz, 4);
		at = desc + ALIGN_UP((size_t)n.n_descsz, 4);
		if (desc + n.n_descsz > len)
			break;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4) && n.n_descsz <= BUILD_ID_MAX) {
			memcpy(id, notes + desc, n.n_descsz);
			return (u8)n.n_descsz;
		}
		if (at > len)
			break;
	}
	return 0;
}

static u8 notes_build_id(const struct prof_maps *m, u32 first, const Elf64_Phdr *ph, u8 *id)
{
	u64 bytes = min(ph->p_filesz, (u64)NOTES_MAX);
	uintptr_t at = address_of(m, first, ph->p_offset, bytes);
	u8 notes[NOTES_MAX];

	if (!at || os.peek(notes, at, bytes))
		return 0;
	return find_note(notes, bytes, id);
}

/* Of the image whose file begins at entry @first. */
static u8 image_build_id(const struct prof_maps *m, u32 first, u8 *id)
{
	uintptr_t base = prof_maps_at(m, first)->start;
	Elf64_Ehdr eh;
	u8 len = 0;

	if (os.peek(&eh, base, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) ||
	    eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_phentsize != sizeof(Elf64_Phdr) ||
	    eh.e_phnum > PHDRS_MAX)
		return 0;
	for (u32 i = 0; i < eh.e_phnum && !len; i++) {
		uintptr_t at = address_of(m, first, eh.e_phoff + i * sizeof(Elf64_Phdr),
					  sizeof(Elf64_Phdr));
		Elf64_Phdr ph;

		if (at && !os.peek(&ph, at, sizeof(ph)) && ph.p_type == PT_NOTE)
			len = notes_build_id(m, first, &ph, id);
	}
	return len;
}

/* Entries @first to @last are of one file: where there is code, its id goes to all of them. */
static void identify(const struct prof_maps *m, u32 first, u32 last)
{
	u8 id[BUILD_ID_MAX], len = 0;
	bool exec = false;

	for (u32 i = first; i <= last; i++)
		exec |= prof_maps_at(m, i)->exec;
	for (u32 i = first; i <= last && exec && !len; i++) {
		const struct prof_mapping *p = prof_maps_at(m, i);

		if (p->read && !p->offset)
			len = image_build_id(m, i, id);
	}
	for (u32 i = first; i <= last && len; i++) {
		memcpy(prof_maps_at(m, i)->build_id, id, len);
		prof_maps_at(m, i)->build_id_len = len;
	}
}

static void identify_all(const struct prof_maps *m)
{
	for (u32 first = 0, i; first < m->nr; first = i) {
		const struct prof_mapping *p = prof_maps_at(m, first);

		for (i = first + 1; i < m->nr && same_file(p, prof_maps_at(m, i)); i++)
			;
		if (p->path_len)
			identify(m, first, i - 1);
	}
}

int prof_maps_read(struct prof_maps *m, bool build_ids)
{
	int err;

	*m = (struct prof_maps){0};
	err = read_text(&m->text);
	if (!err)
		err = parse_text(m);
	if (!err && build_ids)
		identify_all(m);
	return err;
}

void prof_maps_free(struct prof_maps *m)
{
	page_buf_free(&m->text);
	page_buf_free(&m->table);
	m->nr = 0;
}

struct prof_mapping *prof_maps_find(const struct prof_maps *m, uintptr_t pc)
{
	u32 low = 0, high = m->nr;

	while (low < high) {
		u32 mid = low + (high - low) / 2;
		struct prof_mapping *p = prof_maps_at(m, mid);

		if (pc < p->start)
			high = mid;
		else if (pc >= p->end)
			low = mid + 1;
		else
			return p->exec ? p : NULL;
	}
	return NULL;
}

u32 prof_maps_depth(const struct prof_maps *m, const uintptr_t *pc, u32 depth)
{
	u32 i = 0;

	while (i < depth && prof_maps_find(m, pc[i] - 1))
		i++;
	return i;
}
