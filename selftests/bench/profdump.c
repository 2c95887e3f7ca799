// SPDX-License-Identifier: MIT
/*
 * profdump [SITES] - what a dump of a heap profile costs: time, memory, size of
 * the file. SITES (10000) call stacks of some 20 frames are made by a walk
 * through two functions that call each other as the bits of a number say.
 *
 *	LD_PRELOAD=build/liblane.so build/selftests/bench/profdump
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 15
#define BITS 17 /* frames of each stack that differ */
#define SIZE 8192

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

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
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
	double ms[ROUNDS], first = 0;
	struct stat st;
	long before = 0, peak;

	for (int i = -1; i < ROUNDS; i++) {
		double begin;

		if (i == 0) {
			before = status_kib("VmRSS:");
			reset_peak();
		}
		begin = now_ms();
		if (dump(path)) {
			fprintf(stderr, "profdump: %s cannot be written\n", path);
			return 1;
		}
		if (i < 0)
			first = now_ms() - begin;
		else
			ms[i] = now_ms() - begin;
	}
	peak = status_kib("VmHWM:");
	qsort(ms, ROUNDS, sizeof(*ms), compare);
	stat(path, &st);
	printf("%-24s first %.1f ms, median %.1f ms, worst %.1f ms; %ld KiB of memory; %ld KiB file\n",
	       strrchr(path, '/') + 1, first, ms[ROUNDS / 2], ms[ROUNDS - 1], peak - before,
	       (long)st.st_size / 1024);
	unlink(path);
	return 0;
}

int main(int argc, char **argv)
{
	int (*dump)(const char *) = (int (*)(const char *))dlsym(RTLD_DEFAULT, "lane_prof_dump");
	int (*set_rate)(size_t) = (int (*)(size_t))dlsym(RTLD_DEFAULT, "lane_prof_set_rate");
	unsigned int sites = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 10000;
	char dir[] = "/tmp/profdump-XXXXXX", path[64];
	int bad;

	if (!dump || !set_rate || set_rate(1024)) {
		fprintf(stderr,
			"profdump: wants Lane preloaded, and a kernel that lets it sample\n");
		return 2;
	}
	if (!mkdtemp(dir))
		return 1;
	for (unsigned int i = 0; i < sites; i++)
		left(i, BITS);
	printf("%u call stacks\n", sites);
	snprintf(path, sizeof(path), "%s/heap.pb.gz", dir);
	bad = measure(dump, path);
	snprintf(path, sizeof(path), "%s/heap.txt", dir);
	bad |= measure(dump, path);
	rmdir(dir);
	return bad;
}
