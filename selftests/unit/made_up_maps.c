// SPDX-License-Identifier: MIT
/*
 * The memory map as the kernel does not write it, and images whose notes are broken: what can be
 * read is read, and nothing beside it. And files whose names are no text, in profile.proto.
 */
#include "unit.h"

#include <elf.h>

#include "os.h"
#include "prof_maps.h"
#include "prof_write.h"

#define FD 12345
#define BASE 0x10000000u
#define PAGES 2

static struct os_ops real;
static const char *text;
static size_t text_at;
static char image[PAGES * 4096] __attribute__((aligned(8))); /* what lies at BASE */

static int made_up_open(const char *path)
{
	return strcmp(path, "/proc/thread-self/maps") ? real.open_read(path) : FD;
}

/* Some bytes at a time. */
static long made_up_read(int fd, void *buf, size_t len)
{
	size_t left = strlen(text) - text_at, n = left < 7 ? left : 7;

	if (fd != FD)
		return real.read(fd, buf, len);
	n = n < len ? n : len;
	memcpy(buf, text + text_at, n);
	text_at += n;
	return (long)n;
}

static int made_up_close(int fd)
{
	return fd == FD ? 0 : real.close(fd);
}

static int made_up_peek(void *to, uintptr_t from, size_t len)
{
	if (from < BASE || len > sizeof(image) || from - BASE > sizeof(image) - len)
		return -EFAULT;
	memcpy(to, image + (from - BASE), len);
	return 0;
}

static struct prof_maps maps;

static bool reads(const char *as)
{
	prof_maps_free(&maps);
	text = as;
	text_at = 0;
	return prof_maps_read(&maps, true) == 0;
}

static void test_lines(void)
{
	bool right = reads("10000000-10002000 r-xp 00000000 08:01 17   /bin/one\n"
			   "no line of a map\n"
			   "10003000\n"
			   "10003000+10004000 r-xp 00000000 08:01 17 /bin/two\n"
			   "10003000-10004000\n"
			   "10003000-10004000 r-x\n"
			   "\n"
			   "10005000-10006000 rw-p 00001000 00:00 0\n"
			   "10007000-10008000 r-xp 00000000 08:01 18   /bin/last");

	right &= maps.nr == 3 && prof_maps_at(&maps, 0)->path_len == 8 &&
		 !prof_maps_at(&maps, 1)->path_len && prof_maps_at(&maps, 1)->offset == 0x1000 &&
		 prof_maps_at(&maps, 2)->path_len == 9;
	right &= prof_maps_find(&maps, 0x10001234) == prof_maps_at(&maps, 0) &&
		 !prof_maps_find(&maps, 0x10005000) && !prof_maps_find(&maps, 0x10002000);
	ksft_test_result(right, "lines of another kind are left out; the last has no end");
}

static const char one_file[] = "10000000-10002000 r-xp 00000000 08:01 17 /bin/one\n"
			       "10002000-10003000 rw-p 00002000 08:01 17 /bin/one\n";

/* A head, one table entry for notes at @offset of @bytes, and a note there. */
static void make_image(u64 offset, u64 bytes, u32 name, u32 desc, u32 type)
{
	Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64},
			 .e_phoff = sizeof(eh),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 1};
	Elf64_Phdr ph = {.p_type = PT_NOTE, .p_offset = offset, .p_filesz = bytes};
	Elf64_Nhdr n = {.n_namesz = name, .n_descsz = desc, .n_type = type};

	memset(image, 0, sizeof(image));
	memcpy(image, &eh, sizeof(eh));
	memcpy(image + eh.e_phoff, &ph, sizeof(ph));
	if (offset + sizeof(n) + 4 + 20 > sizeof(image))
		return;
	memcpy(image + offset, &n, sizeof(n));
	memcpy(image + offset + sizeof(n), "GNU", 4);
	memset(image + offset + sizeof(n) + 4, 0xab, 20);
}

static u32 id_bytes(const char *as)
{
	return reads(as) ? prof_maps_at(&maps, 0)->build_id_len : 99;
}

static void test_notes(void)
{
	static const struct {
		const char *what;
		u64 offset, bytes;
		u32 name, desc, type, id;
	} cases[] = {
		{"a build id", 512, 36, 4, 20, NT_GNU_BUILD_ID, 20},
		{"of another type", 512, 36, 4, 20, NT_GNU_ABI_TAG, 0},
		{"longer than any", 512, 100, 4, 64, NT_GNU_BUILD_ID, 0},
		{"a name that is longer than all notes", 512, 36, 4000, 20, NT_GNU_BUILD_ID, 0},
		{"an id that is longer than all notes", 512, 36, 4, 4000, NT_GNU_BUILD_ID, 0},
		{"an id that reaches beyond the notes", 512, 36, 4, 24, NT_GNU_BUILD_ID, 0},
		{"padding that reaches beyond the notes", 512, 35, 4, 19, NT_GNU_ABI_TAG, 0},
		{"a head that reaches beyond the notes", 512, 8, 4, 20, NT_GNU_BUILD_ID, 0},
		{"notes in no mapping", 100000, 36, 4, 20, NT_GNU_BUILD_ID, 0},
		{"notes that reach out of the mapping", 8192 - 32, 36, 4, 20, NT_GNU_BUILD_ID, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_image(cases[i].offset, cases[i].bytes, cases[i].name, cases[i].desc,
			   cases[i].type);
		ksft_test_result(id_bytes(one_file) == cases[i].id, "%s: %u bytes", cases[i].what,
				 cases[i].id);
	}
}

static void test_images(void)
{
	bool right;

	make_image(100000, 36, 4, 20, NT_GNU_BUILD_ID);
	right = id_bytes("10000000-10001000 r-xp 00000000 08:01 17 /bin/one\n"
			 "10001000-10002000 r-xp 00000000 08:01 18 /bin/two\n") == 0;
	make_image(512, 36, 4, 20, NT_GNU_BUILD_ID);
	image[EI_CLASS] = ELFCLASS32;
	right &= id_bytes(one_file) == 0;
	image[EI_CLASS] = ELFCLASS64;
	right &= id_bytes(one_file) == 20;
	right &= id_bytes("10000000-10002000 rw-p 00000000 08:01 17 /bin/one\n") == 0;
	ksft_test_result(right, "an id is looked for where there is code, in its own file");
}

static u32 no_site(void (*row)(void *arg, const struct prof_site *site), void *arg)
{
	(void)row, (void)arg;
	return 0;
}

/* In place of each name the other one is in the message. */
static void test_names(void)
{
	static const struct {
		const char *name, *as;
	} cases[] = {
		{"/tmp/plain and \\012 odd", "/tmp/plain and \\012 odd"},
		{"/tmp/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		 "/tmp/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"/tmp/\xe4.so", "/tmp/?.so"},
		{"/tmp/cut\xe2\x82", "/tmp/cut??"},
		{"/tmp/\x80\xc1\x81\xf5", "/tmp/????"},
		{"/tmp/\xc0\xaf\xe0\x80\xaf", "/tmp/?????"},
		{"/tmp/\xed\xa0\x80\xf4\x90\x80\x80", "/tmp/???????"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prof_source src = {.read = no_site, .why = "a test"};
		struct page_buf b = {0};
		char line[128];

		snprintf(line, sizeof(line), "10000000-10002000 r-xp 00000000 08:01 17 %s\n",
			 cases[i].name);
		text = line;
		text_at = 0;
		ksft_test_result(!prof_pprof_write(&b, &src) &&
					 memmem(b.data, b.len, cases[i].as, strlen(cases[i].as)),
				 "a file's name, number %zu, is UTF-8", i + 1);
		page_buf_free(&b);
	}
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(19);
	lane_free(lane_malloc(1));
	real = os;
	os.open_read = made_up_open;
	os.read = made_up_read;
	os.close = made_up_close;
	os.peek = made_up_peek;
	test_lines();
	test_notes();
	test_images();
	test_names();
	prof_maps_free(&maps);
	ksft_finished();
}
