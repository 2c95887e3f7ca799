// SPDX-License-Identifier: MIT
/*
 * profdump [SITES] - what a dump of a heap profile costs: time, memory, size of
 * the file; with Lane also what it keeps for a call site and for a live sample.
 * SITES (10000) call stacks of some 20 frames are made by a walk through two
 * functions that call each other as the bits of a number say.
 *
 *	LD_PRELOAD=build/liblane.so build/selftests/bench/profdump
 *
 * Also with jemalloc (MALLOC_CONF=prof:true,lg_prof_sample:10) and gperftools
 * (HEAPPROFILE=...): scripts/bench-prof runs all three.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 15
#define BITS 17 /* frames of each stack that differ */
#define SIZE 8192
#define LIVE 50000 /* objects at one site */

static void *last;

static void right(unsigned int path, int bits);

/* Sixteen bytes of code between the calls: no tail call, and two functions that stay two. */
__attribute__((noinline)) static void left(unsigned int path, int bits)
{
	if (!bits)
		last = malloc(SIZE);
	else if (path & 1)
		right(path >> 1, bits - 1);
	else
		left(path >> 1, bits - 1);
	__asm__ volatile("nop" ::: "memory");
}

__attribute__((noinline)) static void right(unsigned int path, int bits)
{
	if (!bits)
		last = malloc(SIZE + 1);
	else if (path & 1)
		right(path >> 1, bits - 1);
	else
		left(path >> 1, bits - 1);
	__asm__ volatile("nop; nop" ::: "memory");
}

static double now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static long status_kib(const char *key)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, strlen(key)))
			kib = strtol(line + strlen(key), NULL, 10);
	}
	if (f)
		fclose(f);
	return kib;
}

/* From here on VmHWM begins anew. */
static void reset_peak(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY);

	if (fd < 0 || write(fd, "5", 1) != 1)
		fprintf(stderr, "profdump: no peak of memory\n");
	if (fd >= 0)
		close(fd);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure(int (*dump)(const char *), const char *path)
{
	double ms[ROUNDS], cpu[ROUNDS], first = 0;
	struct stat st;
	long before = 0, peak;

	for (int i = -1; i < ROUNDS; i++) {
		double begin, begin_cpu;

		if (i == 0) {
			before = status_kib("VmRSS:");
			reset_peak();
		}
		begin = now_ms(CLOCK_MONOTONIC);
		begin_cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
		if (dump(path)) {
			fprintf(stderr, "profdump: %s cannot be written\n", path);
			return 1;
		}
		if (i < 0) {
			first = now_ms(CLOCK_MONOTONIC) - begin;
			continue;
		}
		ms[i] = now_ms(CLOCK_MONOTONIC) - begin;
		cpu[i] = now_ms(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu;
	}
	peak = status_kib("VmHWM:");
	qsort(ms, ROUNDS, sizeof(*ms), compare);
	qsort(cpu, ROUNDS, sizeof(*cpu), compare);
	stat(path, &st);
	printf("%-10s first %.1f ms, median %.1f ms (CPU %.1f), worst %.1f ms; %ld KiB of memory; %ld KiB "
	       "file\n",
	       strrchr(path, '/') + 1, first, ms[ROUNDS / 2], cpu[ROUNDS / 2], ms[ROUNDS - 1],
	       peak - before, (long)st.st_size / 1024);
	unlink(path);
	return 0;
}

static int dump_jemalloc(const char *path)
{
	int (*ctl)(const char *, void *, size_t *, void *, size_t) =
		(int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT,
									       "mallctl");

	return ctl("prof.dump", NULL, NULL, &path, sizeof(path));
}

static int dump_gperftools(const char *path)
{
	char *(*get)(void) = (char *(*)(void))dlsym(RTLD_DEFAULT, "GetHeapProfile");
	char *text = get();
	FILE *f = fopen(path, "w");
	int bad = !text || !f || fputs(text, f) < 0;

	if (f && fclose(f))
		bad = 1;
	free(text);
	return bad;
}

/* A number of the file "profile", from its head. */
static long profile_number(const char *key)
{
	ssize_t (*read_file)(const char *, char *, size_t) =
		(ssize_t(*)(const char *, char *, size_t))dlsym(RTLD_DEFAULT, "lane_proc_read");
	static char text[4096];
	const char *at;

	if (!read_file || read_file("profile", text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, key);
	return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

static void make_sites(unsigned int sites)
{
	for (unsigned int i = 0; i < sites; i++)
		left(i, BITS);
}

/* What Lane keeps; to begin with there is a sample or none. */
static void measure_metadata(unsigned int sites)
{
	long before = profile_number("\n# metadata "), samples;
	static void *held[LIVE];

	make_sites(sites);
	printf("%u call stacks: %.1f bytes each, with a live sample\n", sites,
	       (double)(profile_number("\n# metadata ") - before) / sites);
	before = profile_number("\n# metadata ");
	samples = profile_number("\n# samples ");
	for (int i = 0; i < LIVE; i++)
		held[i] = malloc(SIZE);
	last = held;
	printf("%d samples at one of them: %.1f bytes each\n", LIVE,
	       (double)(profile_number("\n# metadata ") - before) /
		       (double)(profile_number("\n# samples ") - samples));
	for (int i = 0; i < LIVE; i++)
		free(held[i]);
}

int main(int argc, char **argv)
{
	int (*dump)(const char *) = (int (*)(const char *))dlsym(RTLD_DEFAULT, "lane_prof_dump");
	int (*set_rate)(size_t) = (int (*)(size_t))dlsym(RTLD_DEFAULT, "lane_prof_set_rate");
	unsigned int sites = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 10000;
	char dir[] = "/tmp/profdump-XXXXXX", path[64];
	bool lane = dump != NULL;
	int bad;

	if (!dump && dlsym(RTLD_DEFAULT, "mallctl"))
		dump = dump_jemalloc;
	if (!dump && dlsym(RTLD_DEFAULT, "GetHeapProfile"))
		dump = dump_gperftools;
	if (!dump || (set_rate && set_rate(1024))) {
		fprintf(stderr, "profdump: wants an allocator preloaded that can sample\n");
		return 2;
	}
	if (!mkdtemp(dir))
		return 1;
	if (lane)
		measure_metadata(sites);
	else
		make_sites(sites);
	snprintf(path, sizeof(path), "%s/heap.%s", dir, lane ? "pb.gz" : "txt");
	bad = measure(dump, path);
	if (lane) {
		snprintf(path, sizeof(path), "%s/heap.txt", dir);
		bad |= measure(dump, path);
	}
	rmdir(dir);
	return bad;
}
