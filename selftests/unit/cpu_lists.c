// SPDX-License-Identifier: MIT
/* The kernel's lists of CPUs and nodes, good and bad; whole, in pieces, and broken off. */
#include "unit.h"

#include "lanes.h"
#include "os.h"
#include "topology.h"

struct list {
	const char *text;
	bool good;
	u32 largest, count;
};

static const struct list lists[] = {
	{"0", true, 0, 1},	   {"0\n", true, 0, 1},
	{"0-1\n", true, 1, 2},	   {"0-3,8,10-11\n", true, 11, 7},
	{"2,4-5", true, 5, 3},	   {"5-5", true, 5, 1},
	{"7,3", true, 7, 2},	   {"0-8191", true, 8191, 8192},
	{"65535", true, 65535, 1}, {"", false, 0, 0},
	{"\n", false, 0, 0},	   {"-", false, 0, 0},
	{"-1", false, 0, 0},	   {"1-", false, 0, 0},
	{"3-1", false, 0, 0},	   {"1-2-3", false, 0, 0},
	{",1", false, 0, 0},	   {"1 2", false, 0, 0},
	{"1,,2", false, 0, 0},	   {"0x3", false, 0, 0},
	{"a", false, 0, 0},	   {"0-3:1/2", false, 0, 0},
	{"65536", false, 0, 0},	   {"99999999999999999999", false, 0, 0},
	{"0-3,", false, 0, 0},	   {"0-3,\n", false, 0, 0},
};

static const char *file;  /* what the list of possible CPUs says */
static size_t at, broken; /* how far it has been read; where that fails, 0: nowhere */
static bool interrupted;  /* the next read is not */

static int open_list(const char *path)
{
	at = 0;
	return strcmp(path, "/sys/devices/system/cpu/possible") ? -ENOENT : 1000;
}

/* A byte at a time, each only when it is asked for again. */
static long read_list(int fd, void *buf, size_t len)
{
	(void)fd;
	interrupted = !interrupted;
	if (interrupted)
		return -EINTR;
	if (broken && at == broken)
		return -EIO;
	len = min(len, (size_t)(file[at] != '\0'));
	memcpy(buf, file + at, len);
	at += len;
	return (long)len;
}

static int close_list(int fd)
{
	(void)fd;
	return 0;
}

static u32 mask_bits(void)
{
	return 1024;
}

/* How many CPUs Lane takes @text for. */
static u32 cpus_of(const char *text, size_t broken_at)
{
	const struct topology topology_before = topology;
	const struct os_ops before = os;
	u32 cpus;

	file = text;
	broken = broken_at;
	os.open_read = open_list;
	os.read = read_list;
	os.close = close_list;
	os.cpu_mask_bits = mask_bits;
	topology_probe();
	cpus = topology.cpus;
	os = before;
	topology = topology_before;
	return cpus;
}

static void test_files(void)
{
	static char full[4097];

	ksft_test_result(cpus_of("0-127\n", 0) == 128,
			 "a list that comes in pieces counts as a whole");
	ksft_test_result(cpus_of("0-127\n", 3) == min(1024u, (u32)MAX_LANES),
			 "one that is broken off counts for nothing");
	for (size_t i = 0; i < 4096; i++)
		full[i] = i % 2 ? ',' : '1';
	full[4095] = '7';
	ksft_test_result(cpus_of(full, 0) == min(1024u, (u32)MAX_LANES),
			 "nor does one that may go on");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(lists) + 3);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct list *l = &lists[i];
		u32 largest = 0, count = 0;
		bool good = topology_parse_list(l->text, &largest, &count);
		bool same = largest == l->largest && count == l->count;

		ksft_test_result(good == l->good && (!good || same), "'%.*s' is %s",
				 (int)strcspn(l->text, "\n"), l->text, l->good ? "a list" : "none");
	}
	test_files();
	ksft_finished();
}
