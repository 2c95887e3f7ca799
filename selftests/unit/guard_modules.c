// SPDX-License-Identifier: MIT
/*
 * Which file a report of a guarded object names: by the kernel's memory map, whatever its
 * paths and however its text is read, and never by what lies behind a line.
 */
#include "unit.h"

#include "guard_module.h"
#include "os.h"

static const char *maps;
static size_t at, step;
static bool interrupted; /* the last read was */
static int nr_open;

static int open_maps(const char *path)
{
	at = 0;
	nr_open++;
	return strcmp(path, "/proc/thread-self/maps") ? -ENOENT : 1000;
}

static long read_maps(int fd, void *buf, size_t len)
{
	(void)fd;
	interrupted = !interrupted;
	if (interrupted)
		return -EINTR;
	len = min(min(len, step), strlen(maps + at));
	memcpy(buf, maps + at, len);
	at += len;
	return (long)len;
}

static int close_maps(int fd)
{
	(void)fd;
	nr_open--;
	return 0;
}

/* Whether @pc is found in @text, in a mapping from @start of @path; NULL: nowhere. */
static bool finds(const char *text, uintptr_t pc, uintptr_t start, const char *path)
{
	const struct os_ops before = os;
	struct guard_module m = {0};
	bool good = true;

	maps = text;
	os.open_read = open_maps;
	os.read = read_maps;
	os.close = close_maps;
	for (step = 1; step < 1024; step = step * 3 + 1) {
		bool found = guard_module_find(&m, pc);

		if (path)
			good &= found && m.start == start && !strcmp(m.path, path);
		else
			good &= !found;
		good &= nr_open == 0;
	}
	os = before;
	if (!good)
		ksft_print_msg("%#lx: from %#lx of '%s'", pc, m.start, m.path);
	return good;
}

#define CODE "00401000-00402000 r-xp 00001000 08:01 42                         "
#define DATA "00403000-00404000 rw-p 00000000 00:00 0 "

static void test_long_paths(void)
{
	char text[2048], path[1024], want[GUARD_PATH_BYTES];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	snprintf(text, sizeof(text), "%s%s\n" DATA "\n", CODE, path);
	snprintf(want, sizeof(want), "%s", path);
	ksft_test_result(finds(text, 0x401000, 0x401000, want) &&
				 finds(text, 0x403fff, 0x403000, ""),
			 "a path that is too long is cut, and the next line is read");
}

static void test_odd_lines(void)
{
	char text[1024];

	ksft_test_result(finds("\n\n" CODE "/bin/x\n", 0x401fff, 0x401000, "/bin/x"),
			 "an empty line is none");
	memset(text, '0', 279);
	strcpy(text + 279, "\n" CODE "/bin/x\n");
	ksft_test_result(finds(text, 0x401fff, 0x401000, "/bin/x") && finds(text, 0, 0, NULL),
			 "a line of digits is none, and ends where it ends");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(7);
	ksft_test_result(finds(CODE "/bin/x\n" DATA "\n", 0x401000, 0x401000, "/bin/x") &&
				 finds(CODE "/bin/x\n" DATA "\n", 0x401fff, 0x401000, "/bin/x"),
			 "the first and the last byte of a mapping are in it");
	ksft_test_result(finds(CODE "/bin/x\n" DATA "\n", 0x402000, 0, NULL) &&
				 finds(CODE "/bin/x\n", 0x400fff, 0, NULL),
			 "what lies beside is not");
	ksft_test_result(
		finds(CODE "/a program (deleted)\n", 0x401000, 0x401000, "/a program (deleted)"),
		"a path may hold blanks");
	ksft_test_result(finds(DATA "[anon:a/b]\n", 0x403000, 0x403000, ""),
			 "the name of memory that is no file's is no path");
	test_long_paths();
	test_odd_lines();
	ksft_finished();
}
