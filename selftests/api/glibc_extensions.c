// SPDX-License-Identifier: MIT
// variant: lock LANE_CONF=mode:lock QUICK=1
/* mallinfo2, malloc_info, malloc_stats, malloc_trim and mallopt behave as glibc's callers expect.
 */
#include "snapshot.h"

#include <ctype.h>
#include <fcntl.h>

static struct snap snap;

static bool mallinfo2_adds_up(void)
{
	struct mallinfo2 before, info;
	void *p[100], *large = get(MIB(6));
	bool good = true;

	before = mallinfo2();
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = get(1024);
	info = mallinfo2();
	snap_read(&snap);
	good &= info.uordblks == snap.st.in_use;
	good &= info.uordblks - before.uordblks == 100 * malloc_usable_size(p[0]);
	good &= info.arena <= snap.st.mapped && info.uordblks <= info.arena + info.hblkhd;
	good &= info.fordblks + info.uordblks <= snap.st.mapped;
	ksft_print_msg("arena %zu hblkhd %zu uordblks %zu fordblks %zu", info.arena, info.hblkhd,
		       info.uordblks, info.fordblks);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	put(large);
	info = mallinfo2();
	return good && info.uordblks <= before.uordblks - MIB(6);
}

/* The same figures as they fit. */
static bool mallinfo_is_alike(void)
{
	void *small = get(100000), *large = get(MIB(2048));
	struct mallinfo2 wide = mallinfo2();
	struct mallinfo more, less;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	more = mallinfo();
	put(large);
	less = mallinfo();
	put(small);
#pragma GCC diagnostic pop
	ksft_print_msg("uordblks %d, then %d", more.uordblks, less.uordblks);
	return wide.uordblks > INT_MAX && more.uordblks == INT_MAX && less.uordblks >= 100000 &&
	       (size_t)less.uordblks <= wide.uordblks - MIB(2048);
}

/* Tags balance, attributes are quoted, nothing stands outside the root. */
static bool well_formed(const char *text)
{
	char stack[16][32];
	int depth = 0, roots = 0;

	for (const char *c = text; *c;) {
		const char *name, *end;
		size_t len;
		bool empty;

		if (*c != '<') {
			if (depth == 0 && !isspace((unsigned char)*c))
				return false;
			if (*c == '&' || *c == '>')
				return false;
			c++;
			continue;
		}
		end = strchr(c, '>');
		if (!end || memchr(c + 1, '<', (size_t)(end - c - 1)))
			return false;
		if (c[1] == '?') {
			c = end + 1;
			continue;
		}
		name = c + 1 + (c[1] == '/');
		len = strcspn(name, " \t\n/>");
		if (len == 0 || len >= sizeof(stack[0]))
			return false;
		empty = end[-1] == '/';
		if (c[1] == '/') {
			if (depth == 0 || strlen(stack[depth - 1]) != len ||
			    memcmp(stack[depth - 1], name, len) != 0)
				return false;
			depth--;
		} else {
			int quotes = 0;

			for (const char *q = name; q < end; q++)
				quotes += *q == '"';
			if (quotes % 2 || (depth == 0 && roots++ > 0))
				return false;
			if (!empty) {
				if (depth == (int)ARRAY_SIZE(stack))
					return false;
				memcpy(stack[depth], name, len);
				stack[depth++][len] = 0;
			}
		}
		c = end + 1;
	}
	return depth == 0 && roots == 1;
}

static bool malloc_info_is_xml(void)
{
	static char text[1 << 20];
	void *p = get(5000);
	FILE *f = tmpfile();
	size_t len;
	bool good;

	if (!f)
		return false;
	good = malloc_info(0, f) == 0;
	rewind(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = 0;
	fclose(f);
	put(p);
	good &= len > 0 && strncmp(text, "<malloc version=", 16) == 0 && well_formed(text);
	if (!good)
		ksft_print_msg("%.900s", text);
	return good;
}

static bool malloc_info_refuses_options(void)
{
	errno = 0;
	return malloc_info(1, stdout) == -1 && errno == EINVAL;
}

static bool malloc_info_to_full_disk(void)
{
	FILE *f = fopen("/dev/full", "w");
	bool good = f != NULL;

	if (f) {
		malloc_info(0, f);
		fclose(f);
	}
	return good;
}

/* malloc_stats writes heapinfo to stderr. */
static bool malloc_stats_writes(void)
{
	static char text[8192];
	int pipefd[2], saved;
	ssize_t len;

	if (pipe(pipefd) != 0)
		return false;
	fcntl(pipefd[1], F_SETPIPE_SZ, 65536);
	saved = dup(2);
	dup2(pipefd[1], 2);
	malloc_stats();
	dup2(saved, 2);
	close(saved);
	close(pipefd[1]);
	len = read(pipefd[0], text, sizeof(text) - 1);
	close(pipefd[0]);
	text[len > 0 ? len : 0] = 0;
	return strstr(text, "in_use ") && strstr(text, "mallocs ") && strstr(text, "mode ");
}

static uint64_t backed(void)
{
	snap_read(&snap);
	return snap.st.mapped - snap.st.released;
}

static bool trim_gives_back(void)
{
	void *p[64];
	uint64_t full, trimmed;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = get(MIB(1));
		memset(p[i], 1, MIB(1));
	}
	full = backed();
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		put(p[i]);
	ret = malloc_trim(0);
	trimmed = backed();
	ksft_print_msg("%llu bytes backed, %llu after malloc_trim", (unsigned long long)full,
		       (unsigned long long)trimmed);
	/* Memory may have gone back by itself before the call. */
	return ret >= 0 && ret <= 1 && trimmed + MIB(60) < full;
}

static bool second_trim_finds_nothing(void)
{
	malloc_trim(0);
	return malloc_trim(0) == 0;
}

static bool mallopt_accepts(void)
{
	static const int params[] = {M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX, M_TOP_PAD,
				     M_MMAP_MAX,       M_PERTURB,	 M_MXFAST,    9999};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(params); i++)
		good &= mallopt(params[i], 1) == 1;
	put(get(MIB(1)));
	return good;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(9);
	ksft_test_result(mallinfo2_adds_up(), "mallinfo2 agrees with the statistics");
	ksft_test_result(mallinfo_is_alike(), "mallinfo is the same as far as an int goes");
	ksft_test_result(malloc_info_is_xml(), "malloc_info writes well-formed XML");
	ksft_test_result(malloc_info_refuses_options(), "malloc_info refuses options");
	ksft_test_result(malloc_info_to_full_disk(), "malloc_info to a full disk does no harm");
	ksft_test_result(malloc_stats_writes(), "malloc_stats writes heapinfo to stderr");
	ksft_test_result(trim_gives_back(), "malloc_trim gives freed memory back");
	ksft_test_result(second_trim_finds_nothing(), "a second malloc_trim finds nothing");
	ksft_test_result(mallopt_accepts(), "mallopt accepts every parameter");
	ksft_finished();
}
