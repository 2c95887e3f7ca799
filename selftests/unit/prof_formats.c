// SPDX-License-Identifier: MIT
/*
 * What the writers make of a profile of which every number is known. With a
 * folder as its argument it writes that profile there in all formats, for
 * selftests/tools/heap_profile_formats.py to hold against the tools that read it.
 */
#include "failing_os.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "gzip.h"
#include "made_up_profile.h"
#include "prof_maps.h"

static struct page_buf buf;

static char *text_of(const struct prof_source *src)
{
	page_buf_free(&buf);
	if (prof_text_write(&buf, src))
		return NULL;
	page_buf_put(&buf, "", 1);
	return buf.data;
}

static void test_text(void)
{
	char *text = text_of(&made_up), line[256], *maps;

	ksft_test_result(
		text && !strncmp(text,
				 "heap profile: 69: 4386912 [117: 5532832] @ heap_v2/524288\n", 57),
		"the text begins with the sums over all samples and the rate");
	snprintf(line, sizeof(line), "\n60: 60000 [100: 100000] @ 0x%lx 0x%lx 0x%lx\n",
		 INSIDE(grow_table) - 1, INSIDE(handle_request), INSIDE(main_loop));
	ksft_test_result(text && strstr(text, line), "a site has the samples and its stack");
	snprintf(line, sizeof(line), "\n2: 131072 [2: 131072] @ 0x%lx\n", INSIDE(grow_table) - 1);
	ksft_test_result(text && strstr(text, line),
			 "a stack ends where a frame lies in no code, though code follows");
	ksft_test_result(text && !strstr(text, "\n0: 0 [0: 0]"), "no samples, no line");
	maps = text ? strstr(text, "\n\nMAPPED_LIBRARIES:\n") : NULL;
	ksft_test_result(maps && strstr(maps, "prof_formats") && strstr(maps, "r-xp") &&
				 text[buf.len - 2] == '\n',
			 "the memory map follows, whole");
}

static u32 read_nothing(void (*row)(void *arg, const struct prof_site *site), void *arg)
{
	(void)row, (void)arg;
	return 0;
}

static void test_off(void)
{
	static const struct prof_source off = {.read = read_nothing, .why = "off"};
	char *text = text_of(&off);

	ksft_test_result(text && !strncmp(text, "heap profile: 0: 0 [0: 0] @ heap_v2/0\n", 38) &&
				 strstr(text, "\n# state off\n# reason sampling is off; "),
			 "where sampling is off the text says so, and how to switch it on");
}

static void test_several_rates(void)
{
	struct prof_source src = made_up;
	char *text;

	src.totals.one_rate = 0;
	text = text_of(&src);
	ksft_test_result(text && strstr(text, " @ heap_v2/1\n") &&
				 strstr(text, "\n31487: 31487289 [52478: 52478815] @ "),
			 "of several rates: estimates, and a rate that scales by nothing");
}

/* A mapping's id as hexadecimal digits, in @hex of 2 * BUILD_ID_MAX + 1. */
static const char *id_of(const struct prof_mapping *p, char *hex)
{
	hex[0] = '\0';
	for (u32 i = 0; p && i < p->build_id_len; i++)
		sprintf(hex + 2 * i, "%02x", p->build_id[i]);
	return hex;
}

static void test_maps(void)
{
	char hex[2 * BUILD_ID_MAX + 1], path[4096], out[8192] = "";
	struct prof_maps m;
	struct prof_mapping *p;
	FILE *f;

	if (prof_maps_read(&m, true))
		ksft_exit_fail_msg("no map");
	p = prof_maps_find(&m, INSIDE(grow_table));
	snprintf(path, sizeof(path), "readelf -n /proc/%d/exe 2>&1", getpid());
	f = popen(path, "r");
	if (f && fread(out, 1, sizeof(out) - 1, f) && strstr(out, "Build ID: "))
		ksft_test_result(p && p->build_id_len >= 8 && strstr(out, id_of(p, hex)),
				 "the program's build id is what readelf says");
	else if (f && strstr(out, "not found"))
		ksft_test_result_skip("no readelf here");
	else
		ksft_test_result(p && strstr(out, "Build ID: ") == NULL && !p->build_id_len,
				 "a program without a build id has none");
	if (f)
		pclose(f);
	p = prof_maps_find(&m, (uintptr_t)getenv);
	ksft_test_result(p && p->path_len > 7 && memmem(p->path, p->path_len, "libc", 4) &&
				 p->build_id_len >= 8,
			 "so does the C library");
	ksft_test_result(!prof_maps_find(&m, (uintptr_t)made_up_data) && !prof_maps_find(&m, 0) &&
				 !prof_maps_find(&m, UINTPTR_MAX),
			 "data, nothing and the end are no code");
	prof_maps_free(&m);
}

/* As gzip(1) unpacks it. */
static bool unpacks(const struct page_buf *packed, const char *data, size_t len)
{
	char path[] = "/tmp/lane-gzip-XXXXXX", command[128];
	char *got = malloc(len + 2);
	int fd = mkstemp(path);
	bool good = false;
	size_t n = 0;
	FILE *f;

	if (fd < 0 || !got || write(fd, packed->data, packed->len) != (ssize_t)packed->len)
		ksft_exit_fail_msg("%s: %s", path, strerror(errno));
	close(fd);
	snprintf(command, sizeof(command), "gzip -dc <%s", path);
	f = popen(command, "r");
	if (f) {
		n = fread(got, 1, len + 1, f);
		good = !pclose(f) && n == len && !memcmp(got, data, len);
	}
	unlink(path);
	free(got);
	return good;
}

static void test_gzip(void)
{
	static const size_t sizes[] = {0, 1, 65534, 65535, 65536, 131070, 131071, 1000000};
	unsigned int stored = 0, compressed = 0, smaller = 0;
	char *data = malloc(1000000);

	for (size_t i = 0; data && i < 1000000; i++)
		data[i] = (char)(i * i >> 7);
	for (size_t i = 0; data && i < ARRAY_SIZE(sizes); i++) {
		struct page_buf a = {0}, b = {0};

		gzip_store(&a, data, sizes[i]);
		gzip_compress(&b, data, sizes[i]);
		stored += unpacks(&a, data, sizes[i]);
		compressed += unpacks(&b, data, sizes[i]);
		smaller += b.len < sizes[i];
		page_buf_free(&a);
		page_buf_free(&b);
	}
	free(data);
	ksft_test_result(stored == ARRAY_SIZE(sizes), "gzip unpacks stored blocks of every size");
	ksft_test_result(compressed == ARRAY_SIZE(sizes), "and what was compressed");
	ksft_print_msg("zlib made %u of %zu smaller", smaller, ARRAY_SIZE(sizes));
	ksft_test_result(gzip_crc32(0, (const u8 *)"123456789", 9) == 0xcbf43926, "CRC-32");
}

/* Each call for memory fails in turn. */
static void test_no_memory(int (*write)(struct page_buf *to, const struct prof_source *src),
			   const char *name)
{
	int64_t before = os_mapped;
	unsigned int failures = 0, wrong = 0;

	for (unsigned int n = 1; n < 40; n++) {
		struct page_buf b = {0};
		int err;

		failing_from(n, false);
		err = write(&b, &made_up);
		failures += err == -ENOMEM;
		wrong += os_failed ? err != -ENOMEM : err != 0;
		failing_from(0, false);
		page_buf_free(&b);
	}
	ksft_test_result(failures >= 3 && !wrong && os_mapped == before,
			 "%s: whatever memory is refused, -ENOMEM and nothing is left", name);
	ksft_print_msg("%u calls for memory, %lld bytes mapped, then %lld", failures,
		       (long long)before, (long long)os_mapped);
}

static int write_stored(struct page_buf *to, const struct prof_source *src)
{
	return prof_pprof_gz_write(to, src, false);
}

static int write_compressed(struct page_buf *to, const struct prof_source *src)
{
	return prof_pprof_gz_write(to, src, true);
}

static void save(const char *dir, const char *name,
		 int (*write_as)(struct page_buf *to, const struct prof_source *src))
{
	struct page_buf b = {0};
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write_as(&b, &made_up) || write(fd, b.data, b.len) != (ssize_t)b.len)
		ksft_exit_fail_msg("%s: %s", path, strerror(errno));
	close(fd);
	page_buf_free(&b);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		save(argv[1], "made_up.txt", prof_text_write);
		save(argv[1], "made_up.pb", prof_pprof_write);
		save(argv[1], "stored.pb.gz", write_stored);
		save(argv[1], "made_up.pb.gz", write_compressed);
		return 0;
	}
	ksft_print_header();
	ksft_set_plan(15);
	test_text();
	test_off();
	test_several_rates();
	test_maps();
	test_gzip();
	test_no_memory(prof_text_write, "text");
	test_no_memory(write_stored, "profile.proto");
	ksft_finished();
}
