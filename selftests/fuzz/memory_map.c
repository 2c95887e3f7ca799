// SPDX-License-Identifier: MIT
/*
 * memory_map.c - libFuzzer target: /proc/self/maps and the images that it tells of. Any text and
 * any memory do no harm. Text in the kernel's format, made of the input, is read back as it was
 * made by both readers, the heap profile's and the one of reports of guarded objects; of an image
 * that is in order the build id is found, and one that is not does no harm.
 */
#include <elf.h>

#include "fake_file.h"
#include "guard_module.h"
#include "prof_maps.h"

#define MAPPINGS 24
#define IMAGE_MAX 4096
#define PATH_MAX_MADE 300

static struct made {
	u64 start, end, offset, inode;
	u8 major, minor;
	char perms[5];
	char path[PATH_MAX_MADE];
} made[MAPPINGS];
static u32 nr_made;

static u8 image[IMAGE_MAX]; /* at image_base, as far as image_len */
static u64 image_base;
static size_t image_len;

static int fake_peek(void *to, uintptr_t from, size_t len)
{
	u64 at = from - image_base;

	if (at > image_len || len > image_len - at)
		return -EFAULT;
	memcpy(to, image + at, len);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fake_install();
	os.peek = fake_peek;
	return 0;
}

static void check_mapping(const struct prof_maps *m, u32 i)
{
	const struct prof_mapping *p = prof_maps_at(m, i);
	const char *text = m->text.data;

	must(p->path >= text && p->path + p->path_len <= text + m->text.len,
	     "a path outside the text");
	must(!memchr(p->path, '\n', p->path_len), "a path of two lines");
	must(p->build_id_len <= BUILD_ID_MAX, "a build id too long");
}

/* Any text: what comes out keeps its own rules. */
static void any_text(struct input *in)
{
	size_t n = byte(in);
	const u8 *memory = bytes(in, &n);
	u64 pc[4] = {number(in), number(in), number(in), number(in)};
	struct guard_module module;
	struct prof_maps m;
	size_t lines = 0;
	int err;

	image_base = number(in);
	image_len = n;
	memcpy(image, memory, n);
	fake_file("/proc/thread-self/maps", (const char *)in->at, in->left, in);
	fake.text = (const char *)in->at;
	fake.len = in->left;
	for (size_t i = 0; i < in->left; i++)
		lines += in->at[i] == '\n';
	err = prof_maps_read(&m, true);
	must(!err == (fake.broken >= fake.len), "an error, or none");
	must(m.nr <= lines + 1, "more mappings than lines");
	for (u32 i = 0; i < m.nr; i++)
		check_mapping(&m, i);
	for (u32 i = 0; i < ARRAY_SIZE(pc); i++) {
		const struct prof_mapping *p = prof_maps_find(&m, pc[i]);

		must(!p || (p->exec && pc[i] >= p->start && pc[i] < p->end), "another mapping");
		if (guard_module_find(&module, pc[i]))
			must(pc[i] >= module.start && memchr(module.path, 0, GUARD_PATH_BYTES),
			     "another module");
	}
	must(prof_maps_depth(&m, (const uintptr_t *)pc, ARRAY_SIZE(pc)) <= ARRAY_SIZE(pc),
	     "deeper than it is");
	prof_maps_free(&m);
}

static void make_path(struct made *m, struct input *in)
{
	static const char *const names[] = {
		"",	   "/usr/bin/a program", "/lib/image", "/tmp/x (deleted)",
		"[stack]", "[anon:a/b]",	 "//anon",     "/memfd:-r-xp 00000000",
		"[vdso]",
	};
	u8 which = byte(in);
	size_t n;

	memset(m->path, 0, sizeof(m->path));
	if (which < 128) {
		strcpy(m->path, names[which % ARRAY_SIZE(names)]);
		return;
	}
	n = 2u * (which - 127u);
	memcpy(m->path, "/r", 2); /* as no name above begins */
	memcpy(m->path + 2, bytes(in, &n), n);
	for (char *s = m->path; *s; s++) {
		if (*s == '\n')
			*s = '\\'; /* as the kernel does, which writes its number, too */
	}
}

static void make_mapping(struct input *in, u64 *at)
{
	struct made *m = &made[nr_made++];
	u8 how = byte(in);

	m->start = *at + 4096 * (number(in) % (1u << 30));
	m->end = m->start + 4096 * (number(in) % (1u << 20) + 1);
	m->offset = 4096 * (number(in) >> 12);
	snprintf(m->perms, sizeof(m->perms), "%c%c%c%c", how & 1 ? 'r' : '-', how & 2 ? 'w' : '-',
		 how & 4 ? 'x' : '-', how & 8 ? 's' : 'p');
	m->major = byte(in);
	m->minor = byte(in);
	m->inode = number(in);
	make_path(m, in);
	*at = m->end;
}

/* An image in two mappings, its notes in the first, at what is returned: @n bytes of build id
 * behind another note. */
static size_t make_image(struct input *in, u64 *at, u8 *id, size_t n)
{
	Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64},
			 .e_phoff = sizeof(eh) + byte(in),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 2 + byte(in) % 4};
	Elf64_Phdr ph = {.p_type = PT_NOTE, .p_offset = 1024 + 4u * byte(in)};
	Elf64_Nhdr other = {4, byte(in), NT_GNU_ABI_TAG}, note = {4, (u32)n, NT_GNU_BUILD_ID};
	u8 *s = image + ph.p_offset;
	u64 base = ALIGN_UP(*at, (u64)4096);

	memset(image, 0, sizeof(image));
	memcpy(s, &other, sizeof(other));
	memcpy(s + sizeof(other), "GNU", 4);
	s += sizeof(other) + 4 + ALIGN_UP(other.n_descsz, 4u);
	memcpy(s, &note, sizeof(note));
	memcpy(s + sizeof(note), "GNU", 4);
	memcpy(s + sizeof(note) + 4, id, n);
	ph.p_filesz = (u64)(s + sizeof(note) + 4 + n - image) - ph.p_offset;
	memcpy(image, &eh, sizeof(eh));
	memcpy(image + eh.e_phoff + (byte(in) % eh.e_phnum) * sizeof(ph), &ph, sizeof(ph));
	image_base = base;
	image_len = IMAGE_MAX;
	made[nr_made++] = (struct made){base, base + 4096, 0, .perms = "r--p",
					.path = "/lib/image of its own"};
	made[nr_made++] = (struct made){base + 4096, base + 8192, 4096, .perms = "r-xp",
					.path = "/lib/image of its own"};
	*at = base + 8192;
	return ph.p_offset;
}

/* @n bytes of its head, of the table behind that, or of the notes at @notes become others. */
static void break_image(struct input *in, size_t notes, u32 n)
{
	while (n--) {
		u8 where = byte(in) % 3;
		size_t at = !where ? 0 : where == 1 ? sizeof(Elf64_Ehdr) : notes;

		at += byte(in);
		image[at] = byte(in);
	}
}

/* As the kernel writes it: the path in column 73, or further on. */
static size_t print_mapping(char *to, const struct made *m)
{
	int n = sprintf(to, "%08lx-%08lx %s %08lx %02x:%02x %lu ", m->start, m->end, m->perms,
			m->offset, m->major, m->minor, m->inode);

	return (size_t)(n +
			sprintf(to + n, "%*s%s\n", m->path[0] ? max(73 - n, 0) : 0, "", m->path));
}

static const struct made *made_at(u64 pc)
{
	for (u32 i = 0; i < nr_made; i++) {
		if (pc >= made[i].start && pc < made[i].end)
			return &made[i];
	}
	return NULL;
}

/* Both readers, asked for what lies at @pc. */
static void look_up(const struct prof_maps *m, u64 pc)
{
	const struct made *want = made_at(pc);
	const struct prof_mapping *p = prof_maps_find(m, pc);
	struct guard_module module;

	must(!p == !(want && want->perms[2] == 'x'), "code, or none");
	must(!p || p->start == want->start, "code of another mapping");
	must(guard_module_find(&module, pc) == (want != NULL), "a module, or none");
	if (!want)
		return;
	must(module.start == want->start && module.offset == want->offset, "another module");
	must(want->path[0] != '/' ? !module.path[0]
				  : !strncmp(module.path, want->path, GUARD_PATH_BYTES - 1) &&
					    strlen(module.path) <= strlen(want->path),
	     "another module's name");
}

/* @id NULL: it may be any, as the image is not in order. */
static void compare(const struct prof_maps *m, u32 first_of_image, const u8 *id, size_t id_len)
{
	must(m->nr == nr_made, "as many mappings as there are");
	for (u32 i = 0; i < nr_made; i++) {
		const struct prof_mapping *p = prof_maps_at(m, i);
		const struct made *want = &made[i];

		must(p->start == want->start && p->end == want->end && p->offset == want->offset,
		     "a mapping's place");
		must(p->read == (want->perms[0] == 'r') && p->exec == (want->perms[2] == 'x'),
		     "a mapping's rights");
		must(p->path_len == strlen(want->path) && !memcmp(p->path, want->path, p->path_len),
		     "a mapping's path");
		check_mapping(m, i);
		if (!id || i < first_of_image || i > first_of_image + 1)
			continue;
		must(p->build_id_len == id_len && !memcmp(p->build_id, id, id_len), "a build id");
	}
}

static void kernels_text(struct input *in)
{
	static char text[MAPPINGS * 512];
	u8 how = byte(in), id[BUILD_ID_MAX];
	size_t id_len = byte(in) % (BUILD_ID_MAX + 1), len = 0;
	u32 image_at = how % 32 % (MAPPINGS - 2), nr_broken = how / 32;
	struct prof_maps m;
	u64 at = 0;

	nr_made = 0;
	for (size_t i = 0; i < id_len; i++)
		id[i] = byte(in);
	while (nr_made < image_at && in->left > 16)
		make_mapping(in, &at);
	image_at = nr_made;
	break_image(in, make_image(in, &at, id, id_len), nr_broken);
	while (nr_made < MAPPINGS && in->left > 16)
		make_mapping(in, &at);
	for (u32 i = 0; i < nr_made; i++)
		len += print_mapping(text + len, &made[i]);
	fake_file("/proc/thread-self/maps", text, len, in);
	fake.broken = SIZE_MAX;
	must(!prof_maps_read(&m, true), "it cannot be read");
	compare(&m, image_at, nr_broken ? NULL : id, id_len);
	for (u32 i = 0; i < nr_made; i++) {
		look_up(&m, made[i].start - 1);
		look_up(&m, made[i].start);
		look_up(&m, made[i].end - 1);
		look_up(&m, made[i].end);
	}
	prof_maps_free(&m);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};

	if (byte(&in) & 1)
		any_text(&in);
	else
		kernels_text(&in);
	must(!fake.open, "a file is left open");
	return 0;
}
